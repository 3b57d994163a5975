"""Sources are asked together; one that fails is missing with its reason, and costs nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from models.artifact import ArtifactRef, parse_ref
from models.errors import UpstreamUnavailable
from models.evidence import Finding, Layer, Severity
from models.facts import FACT_FINDINGS_MAX, Answer, Facts, FactSignal, Source, SourceState
from proxy.inquiry import Inquiry, Question

NOW = datetime(2026, 11, 26, tzinfo=UTC)
REF: ArtifactRef = parse_ref("pypi", "demo", "a" * 64, "demo-1.0-py3-none-any.whl")


@dataclass(frozen=True)
class FakeSource:
    """Says what it was told to say."""

    name: str
    findings: int = 0
    raises: Exception | None = None
    waits_s: float = 0
    layer: Layer = Layer.REPUTATION

    async def ask(self, question: Question) -> Answer:
        await asyncio.sleep(self.waits_s)
        if self.raises:
            raise self.raises
        source = Source(
            name=self.name, layer=self.layer, state=SourceState.MEASURED, told_at=question.as_of
        )
        signal = FactSignal(
            name=f"{self.name}.asked", layer=self.layer, value=True, source=self.name
        )
        finding = Finding(
            id="direct-url-dependency", title="t", severity=Severity.LOW, layer=self.layer
        )
        return Answer(source=source, signals=(signal,), findings=(finding,) * self.findings)


async def facts_from(*sources: FakeSource) -> Facts:
    return await Inquiry(sources, source_s=0.2).facts(REF, None, NOW)


async def test_inquiry__puts_answers_together_in_the_order_of_their_names() -> None:
    facts = await facts_from(FakeSource("zeta", findings=1), FakeSource("alpha", waits_s=0.01))

    assert [source.name for source in facts.sources] == ["alpha", "zeta"]
    assert facts.signal("alpha.asked") is True
    assert len(facts.findings) == 1
    assert facts.missing == ("page",)


async def test_inquiry__a_source_that_fails_or_is_slow_is_missing_with_its_reason() -> None:
    facts = await facts_from(
        FakeSource("good"),
        FakeSource("odd", raises=ZeroDivisionError("x")),
        FakeSource("refused", raises=UpstreamUnavailable("The index is down.")),
        FakeSource("slow", waits_s=5),
    )

    states = {source.name: (source.state, source.reason) for source in facts.sources}
    assert states["good"] == (SourceState.MEASURED, "")
    assert states["refused"] == (SourceState.MISSING, "The index is down.")
    assert states["slow"] == (SourceState.MISSING, "it did not answer within 0.2 s")
    assert states["odd"][0] is SourceState.MISSING
    assert "ZeroDivision" not in states["odd"][1]


async def test_inquiry__findings_are_bounded() -> None:
    facts = await facts_from(FakeSource("loud", findings=FACT_FINDINGS_MAX + 5))

    assert len(facts.findings) == FACT_FINDINGS_MAX
