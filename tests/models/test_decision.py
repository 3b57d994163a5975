"""A decision's short id, by which people find its page, and the digest that it is the start of."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from models.artifact import IndexName, parse_ref
from models.canonical import canonical_json, digest_of
from models.decision import (
    DECISION_ID_CHARS,
    Action,
    Contribution,
    Decision,
    LayerScore,
    LayerStatus,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Layer

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


FIRST_VERSION = "sha256:e506e5b400f9d5a6624767497a36dc4ddd0221dffd1c008fe533bfdaccc5d52b"

SCORED = TrustScore(
    value=93,
    layers=(
        LayerScore(
            layer=Layer.METADATA,
            status=LayerStatus.MEASURED,
            score=100,
            weight_percent=20,
            contributions=(Contribution(code="base", points=100),),
        ),
    ),
    model="rules-2",
    model_digest=digest_of("model"),
)


def test_digest__a_decision_of_the_first_version_keeps_its_own() -> None:
    """The fields of learned scores came with version 2; this digest was taken before."""
    older = replace(DECISION, schema_version=1, score=SCORED)
    assert older.digest == FIRST_VERSION
    assert replace(older, schema_version=2).digest != older.digest


def test_digest__what_was_learned_is_part_of_it() -> None:
    one = replace(DECISION, score=replace(SCORED, risk_milli=-8000))
    assert one.digest != replace(DECISION, score=replace(SCORED, risk_milli=-8001)).digest


def test_decision__a_stored_one_of_the_first_version_is_read() -> None:
    older = replace(DECISION, schema_version=1, score=SCORED)
    read = msgspec.json.decode(canonical_json(older), type=Decision)
    assert read == older
    assert read.score is not None
    assert not read.score.learned
