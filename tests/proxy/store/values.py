"""Values to store, each with the one thing a test cares about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest, digest_of_bytes
from models.decision import (
    Action,
    Decision,
    HoldKind,
    Override,
    OverrideAction,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Analyzer, Evidence, Finding, Layer, Severity
from models.facts import Facts
from proxy.store.port import Fetch, StoredPage, Token, TokenKind

PYPI = IndexName("pypi")
LOCAL = IndexName("local")
START = datetime(2025, 6, 1, 12, tzinfo=UTC)
POLICY = digest_of_bytes(b"policy")
MODEL = digest_of_bytes(b"model")


@dataclass
class FakeClock:
    """A clock that a test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def sha(text: str) -> Sha256:
    return Sha256(hashlib.sha256(text.encode()).hexdigest())


def name(text: str) -> NormalizedName:
    return canonicalize_name(text)


def make_ref(
    project: str = "demo", version: str = "1.0", index: IndexName = PYPI, content: str = ""
) -> ArtifactRef:
    filename = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
    return ArtifactRef(
        index=index, project=name(project), filename=filename, sha256=sha(content or filename)
    )


def make_decision(
    ref: ArtifactRef | None = None,
    *,
    action: Action = Action.SERVE,
    hold: HoldKind | None = None,
    score: int | None = 90,
    as_of: datetime = START,
    expires_at: datetime | None = None,
    evidence: Digest | None = None,
    policy: Digest = POLICY,
    model: Digest = MODEL,
) -> Decision:
    trust = None
    if score is not None:
        trust = TrustScore(value=score, layers=(), model="rules", model_digest=model)
    return Decision(
        ref=ref or make_ref(),
        action=action,
        hold=hold,
        tier=TrustTier.of(score) if score is not None else None,
        score=trust,
        reasons=(reason(ReasonCode.SCORE, score=str(score)),),
        as_of=as_of,
        expires_at=expires_at,
        evidence_digest=evidence,
        policy_digest=policy,
    )


def waiting(ref: ArtifactRef | None = None, *, as_of: datetime = START) -> Decision:
    return make_decision(ref, action=Action.HOLD, hold=HoldKind.ANALYSIS, score=None, as_of=as_of)


def make_facts(ref: ArtifactRef | None = None, *, as_of: datetime = START) -> Facts:
    return Facts(ref=ref or make_ref(), as_of=as_of, size_bytes=1000, missing=("attested",))


def make_evidence(
    ref: ArtifactRef | None = None, *, observed_at: datetime = START, title: str = "Reads a key"
) -> Evidence:
    ref = ref or make_ref()
    return Evidence(
        sha256=ref.sha256,
        filename=ref.filename,
        size_bytes=1000,
        analyzer=Analyzer(version="0.1", python="3.11", platform="linux"),
        observed_at=observed_at,
        duration_ms=900,
        layers=(Layer.METADATA, Layer.BEHAVIOUR),
        findings=(
            Finding(id="reads-key", title=title, severity=Severity.HIGH, layer=Layer.BEHAVIOUR),
        ),
    )


def make_override(
    override_id: str = "o1",
    *,
    project: str | None = "demo",
    sha256: Sha256 | None = None,
    action: OverrideAction = OverrideAction.DENY,
    created_at: datetime = START,
    days: int = 30,
) -> Override:
    return Override(
        id=override_id,
        action=action,
        project=name(project) if project else None,
        specifier="",
        sha256=sha256,
        bound=(),
        future=False,
        above_proof=False,
        actor="alice",
        justification="because",
        created_at=created_at,
        expires_at=created_at + timedelta(days=days),
    )


def make_token(
    key: str = "t1",
    *,
    called: str = "laptop",
    kind: TokenKind = TokenKind.CLIENT,
    expires_at: datetime | None = None,
) -> Token:
    return Token(
        id=key,
        kind=kind,
        name=called,
        hash=sha(key),
        created_at=START,
        expires_at=expires_at,
    )


def make_fetch(
    ref: ArtifactRef | None = None, *, at: datetime = START, agent: str = "pip"
) -> Fetch:
    return Fetch(
        at=at,
        ref=ref or make_ref(),
        requester="laptop",
        address="192.0.2.7",
        user_agent=agent,
        status=200,
        decision_id="abcdefgh",
    )


def make_page(
    project: str = "demo", *, index: IndexName = PYPI, body: bytes = b"<html>", status: int = 200
) -> StoredPage:
    return StoredPage(
        index=index,
        project=name(project),
        content_type="text/html",
        etag='"1"',
        body=body,
        fetched_at=START,
        max_age_s=600,
        status=status,
    )
