"""Templates of values: made once by the real classes, with marks where each row is stamped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest
from models.decision import (
    Action,
    Contribution,
    Decision,
    HoldKind,
    LayerScore,
    LayerStatus,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Analyzer, Evidence, Finding, Layer, ResolvedFile, Severity, Signal
from models.facts import Facts

INDEX = IndexName("pypi")
SHA = "0f" * 32
EVIDENCE, FACTS = Digest("sha256:" + "1f" * 32), Digest("sha256:" + "2f" * 32)
PROJECT, FILENAME = NormalizedName("template-project"), "template_project-1.0-py3-none-any.whl"
AS_OF = datetime(2001, 1, 1, 1, 1, 1, tzinfo=UTC)
REF = ArtifactRef(index=INDEX, project=PROJECT, filename=FILENAME, sha256=Sha256(SHA))
STAMP = f"{AS_OF:%Y-%m-%dT%H:%M:%SZ}"
MARKS = (SHA, EVIDENCE, FACTS, FILENAME, PROJECT, STAMP)


def split(text: str) -> list[str]:
    """A template: texts and marks, turn by turn."""
    parts = [text]
    for mark in MARKS:
        parts = [piece for part in parts for piece in _around(part, mark)]
    return parts


def _around(part: str, mark: str) -> Iterator[str]:
    if part in MARKS:
        yield part
        return
    first, *rest = part.split(mark)
    yield first
    for piece in rest:
        yield mark
        yield piece


def stamp(parts: list[str], stamps: dict[str, str]) -> str:
    """The text of one row."""
    return "".join([stamps.get(part, part) for part in parts])


def decision_template(
    policy: Digest, model: Digest, action: Action, hold: HoldKind | None, score: int
) -> Decision:
    """A decision as the judge makes them."""
    lost = tuple(
        Contribution(code=f"finding-{n}", points=-3, detail="reads a file") for n in range(4)
    )
    layers = tuple(
        LayerScore(
            layer=layer,
            status=LayerStatus.MEASURED,
            score=score,
            weight_percent=25,
            contributions=lost,
        )
        for layer in Layer
    )
    return Decision(
        ref=REF,
        action=action,
        hold=hold,
        tier=TrustTier.of(score),
        score=TrustScore(value=score, layers=layers, model="rules", model_digest=model),
        reasons=(reason(ReasonCode.SCORE, score=str(score)),),
        as_of=AS_OF,
        evidence_digest=EVIDENCE,
        facts_digest=FACTS,
        policy_digest=policy,
    )


def evidence_template() -> Evidence:
    """Evidence of some two KiB."""
    return Evidence(
        sha256=Sha256(SHA),
        filename=FILENAME,
        size_bytes=100_000,
        analyzer=Analyzer(version="0.1", python="3.13", platform="linux"),
        observed_at=AS_OF,
        duration_ms=900,
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
        signals=tuple(
            Signal(name=f"some.signal_{n}", layer=Layer.BEHAVIOUR, value=n) for n in range(12)
        ),
        findings=tuple(
            Finding(
                id=f"finding-{n}",
                title="Reads a file that is none of its business",
                severity=Severity.LOW,
                layer=Layer.BEHAVIOUR,
            )
            for n in range(6)
        ),
        dependencies=tuple(
            ResolvedFile(
                project=f"needed-{n}",
                version="1.0",
                filename=f"needed_{n}-1.0-py3-none-any.whl",
                sha256=Sha256("3f" * 32),
            )
            for n in range(3)
        ),
    )


def facts_template() -> Facts:
    """What a page says of a file."""
    return Facts(
        ref=REF,
        as_of=AS_OF,
        size_bytes=100_000,
        upload_time=AS_OF - timedelta(days=300),
        project_first_upload=AS_OF - timedelta(days=3_000),
        project_release_count=50,
    )
