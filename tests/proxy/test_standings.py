"""What the store says about the releases of a tree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from packaging.utils import NormalizedName

from analyzer.graph.joined import Known, KnownFinding, Standing
from analyzer.graph.tree import Release, Tree
from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.decision import Action, Decision, HoldKind, TrustTier
from models.evidence import Finding, Layer, Severity
from models.facts import Facts, FactSignal
from proxy.standings import Standings, standing_of
from proxy.store.memory import MemoryStore
from tests.proxy.store.values import PYPI, FakeClock, make_decision, make_ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = make_ref("dep")


def tree(ref: ArtifactRef = REF) -> Tree:
    release = Release(
        project=ref.project, version=ref.version, filename=ref.filename, sha256=ref.sha256
    )
    return Tree(root="", releases=(release,))


async def known(store: MemoryStore | None, standings: Standings | None = None) -> Known:
    (one,) = await (standings or Standings(store=store)).of(tree(), PYPI)
    return one


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"action": Action.DENY}, Standing.REFUSED),
        ({"action": Action.HOLD, "hold": HoldKind.REVIEW}, Standing.HELD),
        ({"action": Action.HOLD, "hold": HoldKind.AGE}, Standing.HELD),
        ({"action": Action.HOLD, "hold": HoldKind.ANALYSIS}, Standing.UNJUDGED),
        ({"action": Action.SERVE, "tier": TrustTier.MONITOR}, Standing.MONITORED),
        ({"action": Action.SERVE, "tier": TrustTier.APPROVE}, Standing.APPROVED),
        ({"action": Action.SERVE, "override_id": "o1"}, Standing.OVERRIDDEN),
    ],
)
def test_standing_of__a_decision(changes: dict[str, object], standing: Standing) -> None:
    decision: Decision = replace(make_decision(REF), hold=None)
    assert standing_of(replace(decision, **changes)) is standing  # type: ignore[arg-type]


async def test_of__without_a_store_everything_is_unjudged() -> None:
    assert await known(None) == Known(project="dep")


async def test_of__a_refused_sibling_of_the_release_refuses_it() -> None:
    store = MemoryStore(clock=FakeClock())
    other = replace(REF, filename="dep-1.0.tar.gz", sha256=make_ref("x").sha256)
    await store.put_decision(make_decision(other, action=Action.DENY))
    assert (await known(store)).standing is Standing.REFUSED
    newer = replace(other, filename="dep-2.0.tar.gz")
    store = MemoryStore(clock=FakeClock())
    await store.put_decision(make_decision(newer, action=Action.DENY))
    assert (await known(store)).standing is Standing.UNJUDGED


async def test_of__reads_findings_and_makers_out_of_facts() -> None:
    store = MemoryStore(clock=FakeClock())

    def finding(finding_id: str, severity: Severity) -> Finding:
        return Finding(id=finding_id, title="t", severity=severity, layer=Layer.REPUTATION)

    def signal(name: str, value: bool | str) -> FactSignal:
        return FactSignal(name=name, layer=Layer.PROVENANCE, value=value, source="s")

    facts = Facts(
        ref=REF,
        as_of=NOW,
        findings=(
            finding("owners-changed", Severity.MEDIUM),
            finding("dependency-refused", Severity.HIGH),
        ),
        signals=(
            signal("provenance.verified", True),
            signal("provenance.repository", "some/repo"),
            signal("ownership.organisation", "org"),
        ),
    )
    await store.put_facts(facts)
    decision = make_decision(REF, score=77)
    await store.put_decision(replace(decision, facts_digest=digest_of(facts)))
    one = await known(store)
    assert one.findings == (KnownFinding(id="owners-changed", severity=Severity.MEDIUM),)
    assert (one.owner_changed, one.publisher, one.owners) == (True, "some/repo", ("org",))
    assert one.score == 77


async def test_of__asks_who_knows_names_and_advisories() -> None:
    async def malicious(ref: ArtifactRef) -> bool:
        return ref == REF

    async def lookalike(project: NormalizedName, days: int | None) -> str:
        return f"{project}{days}"

    one = await known(None, Standings(store=None, lookalike=lookalike, malicious=malicious))
    assert (one.malicious, one.confusable_with) == (True, "depNone")
