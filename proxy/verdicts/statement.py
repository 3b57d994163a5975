"""A decision as an in-toto Statement (v1) with a SLSA Verification Summary (v1), and back. Pure.

https://in-toto.io/Statement/v1 · https://slsa.dev/verification_summary/v1
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import rfc8785

from models.artifact import Sha256, parse_sha256
from models.canonical import DIGEST_PREFIX, Digest
from models.decision import Action, Decision, TrustScore
from models.errors import PratiqueError, ValueInvalid
from models.reason import sentence

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The type of a statement in an envelope (in-toto attestation, v1 envelope)."""
SLSA_VERSION = "1.0"
EXTENSION = "urn:x-pratique:verdict:v1"
"""Our own fields: the predicate may be extended under names that are URIs."""
LEVEL_PREFIX = "PRATIQUE_"
"""Custom levels must not begin with SLSA_: what we say is no level of a build track."""
OVERRIDDEN = "OVERRIDDEN"
FAILED = "FAILED"
PASSED = "PASSED"


class StatementRefused(PratiqueError):
    """A statement is not of the form, or not about what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a statement says, as far as a check needs it. Texts are whoever signed it's."""

    filename: str
    sha256: Sha256
    verifier: str
    time_verified: datetime
    resource: str
    passed: bool
    levels: tuple[str, ...]
    decision_id: str
    tier: str
    score: int | None
    reasons: tuple[str, ...]
    override: bool
    expires: datetime | None
    """When it ends; None: when it is replaced, which a verdict cannot know."""


def statement_of(decision: Decision, *, verifier: str, version: str) -> bytes:
    """The statement about a decision, as canonical JSON.

    It passed exactly where the file is served. `verifier` is the URI of who decided.
    """
    ref = decision.ref
    return rfc8785.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": ref.filename, "digest": {"sha256": ref.sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "verifier": {"id": verifier, "version": {"pratique": version}},
                "timeVerified": _time(decision.as_of),
                "resourceUri": ref.purl,
                "policy": _resource("policy", decision.policy_digest),
                "inputAttestations": [
                    _resource(name, digest)
                    for name, digest in (
                        ("evidence", decision.evidence_digest),
                        ("facts", decision.facts_digest),
                    )
                    if digest is not None
                ],
                "verificationResult": PASSED if decision.served else FAILED,
                "verifiedLevels": [_level(decision)],
                "slsaVersion": SLSA_VERSION,
                EXTENSION: _extension(decision),
            },
        }
    )


def read_statement(payload: bytes) -> Verdict:
    """What a statement says. Raises StatementRefused; unknown fields are left out, as the spec asks."""
    try:
        read = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise StatementRefused(f"It is signed, but is no statement: {error}.") from error
    if (read.type, read.predicateType) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise StatementRefused(
            f"It is a statement of another sort: {read.type[:100]!r}, {read.predicateType[:100]!r}."
        )
    if len(read.subject) != 1:
        raise StatementRefused(f"It is about {len(read.subject)} files, not about one.")
    predicate, subject = read.predicate, read.subject[0]
    if predicate.verificationResult not in (PASSED, FAILED):
        raise StatementRefused(f"Its result is neither {PASSED} nor {FAILED}.")
    try:
        sha256 = parse_sha256(subject.digest.get("sha256", ""))
    except ValueInvalid as error:
        raise StatementRefused("It does not name its file by sha256.") from error
    ours = predicate.ours
    try:
        decided = predicate.timeVerified.astimezone(UTC)
        expires = ours.expires.astimezone(UTC) if ours.expires else None
    except OverflowError as error:
        raise StatementRefused("It names a time that no calendar has.") from error
    return Verdict(
        filename=subject.name,
        sha256=sha256,
        verifier=predicate.verifier.id,
        time_verified=decided,
        resource=predicate.resourceUri,
        passed=predicate.verificationResult == PASSED,
        levels=tuple(predicate.verifiedLevels),
        decision_id=ours.decision,
        tier=ours.tier or "",
        score=ours.score.value if ours.score else None,
        reasons=tuple(ours.reasons),
        override=bool(ours.override),
        expires=expires,
    )


def check_subject(verdict: Verdict, sha256: str) -> None:
    """Raises StatementRefused where the verdict is about other bytes than those."""
    if verdict.sha256 != sha256:
        raise StatementRefused(
            f"It is about other bytes: {verdict.sha256}, and the file is {sha256}.",
            next_step="Do not install the file on the strength of this verdict.",
        )


def _extension(decision: Decision) -> dict[str, Any]:
    return {
        "decision": decision.id,
        "decisionDigest": decision.digest,
        "action": decision.action.value,
        "hold": decision.hold.value if decision.hold else None,
        "tier": decision.tier.value if decision.tier else None,
        "score": _score(decision.score) if decision.score else None,
        "reasons": [sentence(one) for one in decision.reasons],
        "codes": [one.code.value for one in decision.reasons],
        "override": decision.override_id,
        "layersOff": [layer.value for layer in decision.layers_off],
        "expires": _time(decision.expires_at) if decision.expires_at else None,
    }


def _score(score: TrustScore) -> dict[str, Any]:
    return {
        "value": score.value,
        "model": score.model,
        "modelDigest": score.model_digest,
        "layers": {
            one.layer.value: {"score": one.score, "status": one.status.value}
            for one in score.layers
        },
    }


def _level(decision: Decision) -> str:
    if decision.action is not Action.SERVE:
        return FAILED
    tier = decision.tier.value if decision.tier else FAILED
    return LEVEL_PREFIX + (OVERRIDDEN if decision.override_id else tier)


def _resource(name: str, digest: Digest) -> dict[str, Any]:
    """A resource descriptor; its URI names the content by its hash (RFC 6920), and is no address."""
    hexadecimal = digest.removeprefix(DIGEST_PREFIX)
    named = base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode().rstrip("=")
    return {"name": name, "uri": f"ni:///sha-256;{named}", "digest": {"sha256": hexadecimal}}


def _time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Score(msgspec.Struct):
    value: int


class _Ours(msgspec.Struct):
    decision: str = ""
    tier: str | None = None
    score: _Score | None = None
    reasons: list[str] = []
    override: str = ""
    expires: _Moment | None = None


class _Verifier(msgspec.Struct):
    id: str


class _Predicate(msgspec.Struct):
    verifier: _Verifier
    timeVerified: _Moment  # noqa: N815 - the wire's names, as in the next lines
    resourceUri: str  # noqa: N815
    verificationResult: str  # noqa: N815
    verifiedLevels: list[str]  # noqa: N815
    ours: _Ours = msgspec.field(name=EXTENSION, default_factory=_Ours)


class _Subject(msgspec.Struct):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct):
    type: str = msgspec.field(name="_type")
    subject: list[_Subject]
    predicateType: str  # noqa: N815 - the wire's name
    predicate: _Predicate
