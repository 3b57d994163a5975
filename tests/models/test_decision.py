"""A decision's short id, by which people find its page."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from models.artifact import IndexName, parse_ref
from models.canonical import digest_of
from models.decision import DECISION_ID_CHARS, Action, Decision, ReasonCode, TrustTier, reason

DECISION = Decision(
    ref=parse_ref(IndexName("pypi"), "demo", "0" * 64, "demo-1.0-py3-none-any.whl"),
    action=Action.DENY,
    hold=None,
    tier=TrustTier.BLOCK,
    score=None,
    reasons=(reason(ReasonCode.OVERRIDE_DENY),),
    as_of=datetime(2026, 1, 2, tzinfo=UTC),
    policy_digest=digest_of("policy"),
)


def test_id__is_the_first_50_bits_of_the_digest() -> None:
    assert DECISION_ID_CHARS * 5 == 50
    assert len(DECISION.id) == DECISION_ID_CHARS
    padded = base64.b32decode(DECISION.id.upper() + "=" * 6)
    assert DECISION.digest.removeprefix("sha256:").startswith(padded.hex())
