"""Scores, tiers, reasons, overrides, and the decision that rests on them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.canonical import Digest, added_in, digest_of
from models.evidence import Layer

DECISION_SCHEMA_VERSION = 2
DECISION_ID_CHARS = 10
"""Characters of a decision's short id, 5 bits each: among a million decisions two share one with a
chance of 1 in 2,000; with 8 characters it would be 1 in 3."""


class TrustTier(StrEnum):
    """The band of a trust score (the thesis)."""

    APPROVE = "APPROVE"
    MONITOR = "MONITOR"
    QUARANTINE = "QUARANTINE"
    BLOCK = "BLOCK"

    @classmethod
    def of(cls, score: int) -> TrustTier:
        """The band of `score` (0 to 100): above 80, 61–80, 31–60, 0–30."""
        if not 0 <= score <= 100:
            raise ValueError(f"a trust score lies between 0 and 100, not {score}")
        if score > 80:
            return cls.APPROVE
        if score > 60:
            return cls.MONITOR
        return cls.QUARANTINE if score > 30 else cls.BLOCK

    @property
    def rank(self) -> int:
        """3 for APPROVE down to 0 for BLOCK, so that tiers can be compared."""
        return _RANKS[self]

    def capped(self, at: TrustTier) -> TrustTier:
        """The lower of the two tiers."""
        return self if self.rank <= at.rank else at


_RANKS = {
    TrustTier.APPROVE: 3,
    TrustTier.MONITOR: 2,
    TrustTier.QUARANTINE: 1,
    TrustTier.BLOCK: 0,
}


class LayerStatus(StrEnum):
    """How a layer came to its score."""

    MEASURED = "measured"
    ABSENT = "absent"
    """Asked, and there is nothing (no attestation): neutral."""
    MISSING = "missing"
    """Could not ask."""
    OFF = "off"
    """The operator switched the layer off."""
    INCOMPLETE = "incomplete"
    """Measured, but something in the artifact's reach cut it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One thing that moved a layer's score: points lost (negative) or won, out of 100."""

    code: str
    points: int
    detail: str = ""
    risk_milli: int = field(default=0, metadata=added_in(2))
    """Of a learned score: thousandths of log-odds, more is riskier; `points` is 0 there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerScore:
    """One layer's part. `score` is 0 to 100, None where missing or off."""

    layer: Layer
    status: LayerStatus
    score: int | None
    weight_percent: int
    """0 in a learned score, where no layer has a weight of its own."""
    contributions: tuple[Contribution, ...] = ()
    risk_milli: int = field(default=0, metadata=added_in(2))
    """The sum of its contributions, in thousandths of log-odds. A layer without a score may have
    some as well: what is not known is not nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustScore:
    """Integer 0 to 100, rounded down, higher is more trusted; with its layers and its model.

    Where it was learned, `base_milli` and the layers' `risk_milli` sum to `risk_milli` exactly.
    """

    value: int
    layers: tuple[LayerScore, ...]
    model: str
    model_digest: Digest
    risk_milli: int | None = field(default=None, metadata=added_in(2))
    """Thousandths of log-odds that it is malicious, before caps; None: it was not learned."""
    base_milli: int | None = field(default=None, metadata=added_in(2))
    """The same before anything is known of the artifact."""
    edges_milli: tuple[int, ...] = field(default=(), metadata=added_in(2))
    """Of a learned score: the highest `risk_milli` of APPROVE, MONITOR and QUARANTINE."""

    @property
    def learned(self) -> bool:
        """Whether it has a risk in log-odds, and not points."""
        return self.risk_milli is not None

    @property
    def tier(self) -> TrustTier:
        """The band of the score, before policy."""
        return TrustTier.of(self.value)


class Action(StrEnum):
    """What the proxy does with a request for the file."""

    SERVE = "SERVE"
    HOLD = "HOLD"
    DENY = "DENY"


class HoldKind(StrEnum):
    """What a hold waits for."""

    ANALYSIS = "analysis"
    REVIEW = "review"
    AGE = "age"


class ReasonCode(StrEnum):
    """The closed vocabulary of causes; `models.reason` turns each into words."""

    PROOF_CANARY_LEFT = "proof-canary-left"
    PROOF_KNOWN_MALICIOUS = "proof-known-malicious"
    PROOF_HASH_MISMATCH = "proof-hash-mismatch"
    OVERRIDE_DENY = "override-deny"
    OVERRIDE_ALLOW = "override-allow"
    OVERRIDE_ALLOW_ABOVE_PROOF = "override-allow-above-proof"
    RULE = "rule"
    FINDING = "finding"
    SCORE = "score"
    INCOMPLETE = "incomplete"
    LAYER_MISSING = "layer-missing"
    LAYER_OFF = "layer-off"
    AGE = "age"
    AGE_UNKNOWN = "age-unknown"
    FREEZE = "freeze"
    UNSEEN = "unseen"
    STILL_CHECKING = "still-checking"
    NAME_OWNED = "name-owned"
    UNSUPPORTED_FILE = "unsupported-file"
    WRONG_PLATFORM = "wrong-platform"
    PLATFORM_SIBLING = "platform-sibling"
    RELEASE_SIBLING_BLOCKED = "release-sibling-blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One cause. `words` are arguments for the vocabulary's sentence, each checked when rendered."""

    code: ReasonCode
    words: tuple[tuple[str, str], ...] = ()
    """(slot, value) pairs, sorted by slot: `finding`, `what`, `host`, `address`, `phase`, `rule` …"""

    def word(self, slot: str) -> str:
        """The value in `slot`, or an empty string."""
        return next((value for key, value in self.words if key == slot), "")


def reason(code: ReasonCode, **words: str) -> Reason:
    """A Reason with its words sorted and the empty ones left out."""
    return Reason(code=code, words=tuple(sorted((k, v) for k, v in words.items() if v)))


class OverrideAction(StrEnum):
    """What a human exception does."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A human exception. It matches by sha256, or by project with an optional specifier.

    An allow binds the sha256s that existed when it was given (`bound`), unless `future` says so.
    It outranks a proof only where `above_proof` says so.
    """

    id: str
    action: OverrideAction
    project: NormalizedName | None
    specifier: str
    """PEP 440 specifier set; empty: every version."""
    sha256: Sha256 | None
    bound: tuple[Sha256, ...]
    future: bool
    above_proof: bool
    actor: str
    justification: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""

    def active(self, as_of: datetime) -> bool:
        """Whether it is in force at `as_of`."""
        return self.revoked_at is None and self.created_at <= as_of < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What policy made of it, with the digests of everything it rests on."""

    schema_version: int = DECISION_SCHEMA_VERSION
    ref: ArtifactRef
    action: Action
    hold: HoldKind | None
    tier: TrustTier | None
    """What policy made of the score; None while nothing is known (unseen)."""
    score: TrustScore | None
    reasons: tuple[Reason, ...]
    as_of: datetime
    expires_at: datetime | None = None
    """When it must be derived again (an age that is reached, an override that ends)."""
    evidence_digest: Digest | None = None
    facts_digest: Digest | None = None
    policy_digest: Digest
    override_id: str = ""
    layers_off: tuple[Layer, ...] = ()

    @property
    def digest(self) -> Digest:
        """The digest of the whole decision."""
        return digest_of(self)

    @property
    def id(self) -> str:
        """The short id that stands in `/v/<id>`: the digest's first 50 bits in lower-case base32."""
        raw = bytes.fromhex(self.digest.removeprefix("sha256:"))
        return base64.b32encode(raw).decode().lower()[:DECISION_ID_CHARS]

    @property
    def score_tier(self) -> TrustTier | None:
        """The band of the score, before policy."""
        return self.score.tier if self.score else None

    @property
    def served(self) -> bool:
        """Whether bytes may leave."""
        return self.action is Action.SERVE

    def verdict(self) -> str:
        """One word for people: Approved, Monitored, Held, Blocked, Checking, Overridden."""
        match self.action:
            case Action.SERVE:
                if self.override_id:
                    return "Overridden"
                return "Monitored" if self.tier is TrustTier.MONITOR else "Approved"
            case Action.DENY:
                return "Blocked"
            case Action.HOLD:
                return "Checking" if self.hold is HoldKind.ANALYSIS else "Held"
            case _:
                assert_never(self.action)
