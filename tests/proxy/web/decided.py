"""Decisions, overrides and refs for tests of the door: made plainly, with a clock that stands."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from models.artifact import ArtifactRef, IndexName, Sha256, parse_project, parse_ref
from models.canonical import Digest, digest_of_bytes
from models.decision import (
    Action,
    Decision,
    HoldKind,
    LayerScore,
    LayerStatus,
    Override,
    OverrideAction,
    Reason,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Layer
from policies.document import DEFAULT_POLICY_TOML, parse_policy

START = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
POLICY = parse_policy(DEFAULT_POLICY_TOML, source="default")
INDEX = IndexName("pypi")
DIGEST = digest_of_bytes(b"some evidence")


class StillClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


async def until(true: Callable[[], bool]) -> None:
    """Give way to other tasks until a condition of theirs holds; pytest's timeout bounds it."""
    while not true():  # noqa: ASYNC110 - what is waited for offers no event
        await asyncio.sleep(0.001)


def sha256_of(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def ref_of(filename: str = "demo-1.0-py3-none-any.whl", data: bytes = b"") -> ArtifactRef:
    project = filename.partition("-")[0]
    return parse_ref(INDEX, project, sha256_of(data or filename.encode()), filename)


def score_of(value: int) -> TrustScore:
    layers = tuple(
        LayerScore(layer=layer, status=LayerStatus.MEASURED, score=value, weight_percent=25)
        for layer in Layer
    )
    return TrustScore(value=value, layers=layers, model="test", model_digest=DIGEST)


def decided(
    ref: ArtifactRef,
    action: Action,
    *,
    hold: HoldKind | None = None,
    score: int | None = None,
    reasons: tuple[Reason, ...] = (),
    as_of: datetime = START,
    expires_at: datetime | None = None,
    evidence: Digest | None = DIGEST,
    override_id: str = "",
) -> Decision:
    default = {Action.SERVE: 90, Action.HOLD: 50, Action.DENY: 10}[action]
    value = default if score is None else score
    return Decision(
        ref=ref,
        action=action,
        hold=hold,
        tier=TrustTier.of(value),
        score=score_of(value),
        reasons=reasons or (reason(ReasonCode.SCORE, score=str(value)),),
        as_of=as_of,
        expires_at=expires_at,
        evidence_digest=evidence,
        policy_digest=POLICY.digest,
        override_id=override_id,
    )


def served(ref: ArtifactRef, **rest: Any) -> Decision:
    return decided(ref, Action.SERVE, **rest)


def denied(ref: ArtifactRef, **rest: Any) -> Decision:
    return decided(ref, Action.DENY, **rest)


def proved(ref: ArtifactRef, **rest: Any) -> Decision:
    why = reason(ReasonCode.PROOF_CANARY_LEFT, what="aws-key", address="203.0.113.7", phase="P3")
    return denied(ref, reasons=(why,), **rest)


def held(ref: ArtifactRef, hold: HoldKind = HoldKind.REVIEW, **rest: Any) -> Decision:
    return decided(ref, Action.HOLD, hold=hold, **rest)


def override(
    action: OverrideAction,
    *,
    id_: str = "o1",
    project: str | None = "demo",
    sha256: Sha256 | None = None,
    bound: tuple[Sha256, ...] = (),
    future: bool = True,
    specifier: str = "",
    created_at: datetime = START - timedelta(days=1),
    expires_at: datetime = START + timedelta(days=30),
) -> Override:
    return Override(
        id=id_,
        action=action,
        project=parse_project(project) if project else None,
        specifier=specifier,
        sha256=sha256,
        bound=bound,
        future=future,
        above_proof=False,
        actor="somebody",
        justification="for a test",
        created_at=created_at,
        expires_at=expires_at,
    )
