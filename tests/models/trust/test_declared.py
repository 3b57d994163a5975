"""What facts of the living are worth, and that it is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from models.decision import TrustTier
from models.evidence import Layer
from models.facts import Facts, FactSignal, Source, SourceState
from models.trust.declared import (
    BOUND,
    DECLARED,
    WATCHED_SCORE_MAX,
    declared_contributions,
    watched,
)
from models.trust.layers import VERIFIED_SIGNAL
from models.trust.numbers import RULES
from tests.models.examples import facts, facts_strategy

BOTH = frozenset({Layer.PROVENANCE, Layer.REPUTATION})
HIGHEST = 2000


def told(known: Facts | None, layers: frozenset[Layer] = BOTH) -> dict[str, int]:
    found = declared_contributions(known, layers, DECLARED, highest=HIGHEST)
    return {one.code: one.risk_milli for lines in found.values() for one in lines}


def test_declared__bounds_of_age_are_those_of_the_rules() -> None:
    assert [s.below for s in DECLARED.project_age_days] == [s.below for s in RULES.project_age_days]
    assert [s.below for s in DECLARED.release_age_days] == [s.below for s in RULES.release_age_days]
    assert DECLARED.watched_project_days == 90
    assert DECLARED.watched_release_days == 7
    assert TrustTier.of(WATCHED_SCORE_MAX) is TrustTier.MONITOR
    assert TrustTier.of(WATCHED_SCORE_MAX + 1) is TrustTier.APPROVE


@given(facts_strategy())
def test_declared__the_whole_stays_within_its_bounds(known: Facts | None) -> None:
    assert DECLARED.lowest <= sum(told(known).values()) <= HIGHEST


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"project_days": 89}, {"project-age": 1000}),
        ({"project_days": 90}, {"project-age": 300}),
        ({"project_days": None}, {"project-age-unknown": 700}),
        ({"release_days": 6}, {"release-age": 1000}),
        ({"release_days": None}, {"release-age-unknown": 500}),
        ({"project_release_count": 1}, {"release-count": 400}),
        ({"project_release_count": None}, {"release-count-unknown": 150}),
        ({"popularity_rank": 1000}, {"popularity": -700}),
        ({"popularity_rank": 15000}, {"popularity": -300}),
        ({"yanked": True}, {"yanked": 500}),
        ({"attested": True}, {"attestation-announced": -200}),
        (
            {"project_days": 1, "release_days": 1},
            {"project-age": 1500, "release-age": 1000, BOUND: -500},
        ),
    ],
)
def test_declared__each_fact_is_worth_what_is_stated(
    changes: dict[str, Any], expected: dict[str, int]
) -> None:
    assert told(facts(**changes)) == expected


@pytest.mark.parametrize(
    ("state", "value", "expected"),
    [
        (SourceState.MEASURED, True, {"attestation-verified": -700}),
        (SourceState.MEASURED, False, {}),
        (SourceState.ABSENT, None, {}),
    ],
)
def test_declared__only_a_verified_attestation_counts_where_it_was_asked_for(
    state: SourceState, value: bool | None, expected: dict[str, int]
) -> None:
    source = Source(name="provenance", layer=Layer.PROVENANCE, state=state)
    signal = FactSignal(
        name=VERIFIED_SIGNAL, layer=Layer.PROVENANCE, value=value, source="provenance"
    )
    assert told(facts(attested=True, sources=(source,), signals=(signal,))) == expected


def test_declared__a_layer_that_is_off_adds_nothing() -> None:
    young = facts(project_days=1, attested=True)
    assert "project-age" not in told(young, frozenset({Layer.PROVENANCE}))
    assert "attestation-announced" not in told(young, frozenset({Layer.REPUTATION}))
    assert told(young, frozenset()) == {}
    assert told(None) == {}


@pytest.mark.parametrize(
    ("project", "release", "is_watched"),
    [
        (89, 89, True),
        (90, 7, False),
        (900, 6, True),
        (None, 900, True),
        (900, None, True),
        (None, None, True),
    ],
)
def test_watched__what_is_young_is_and_what_may_be(
    project: int | None, release: int | None, is_watched: bool
) -> None:
    known = facts(project_days=project, release_days=release)
    assert any(watched(known, DECLARED)) is is_watched
    assert watched(None, DECLARED) == ("", "")
