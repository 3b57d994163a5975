"""From log-odds to a score: bands are exact, and more risk never scores higher."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import TrustTier
from models.errors import ValueInvalid
from models.trust.scale import Scale, log_odds

SCALE = Scale(edges=(-4000, -2000, 1000))
RISKS = st.floats(-1e6, 1e6)
EDGES = st.lists(st.integers(-20_000, 20_000), min_size=3, max_size=3, unique=True).map(sorted)


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    first, middle, last = draw(EDGES)
    return Scale(edges=(first, middle, last))


@given(scales(), RISKS, RISKS)
def test_score__never_rises_with_the_risk(scale: Scale, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert scale.score(low) >= scale.score(high)


@given(scales(), RISKS)
def test_score__its_tier_is_told_by_the_edges(scale: Scale, risk: float) -> None:
    first, middle, last = scale.edges
    tier = TrustTier.of(scale.score(risk))
    assert (tier is TrustTier.APPROVE) == (risk <= first)
    assert (tier is TrustTier.MONITOR) == (first < risk <= middle)
    assert (tier is TrustTier.QUARANTINE) == (middle < risk <= last)
    assert (tier is TrustTier.BLOCK) == (risk > last)


@given(scales())
def test_score__an_edge_is_the_lowest_score_of_its_tier(scale: Scale) -> None:
    assert tuple(map(scale.score, scale.edges)) == (81, 61, 31)


@pytest.mark.parametrize(
    ("risk", "score"),
    [
        (-math.inf, 100),
        (-9000, 100),
        (-3999, 80),
        (-3000, 71),
        (-500, 46),
        (1001, 30),
        (math.inf, 0),
    ],
)
def test_score__runs_in_lines_between_the_edges(risk: float, score: int) -> None:
    assert SCALE.score(risk) == score


def test_score__no_number_has_none() -> None:
    with pytest.raises(ValueError, match="no number"):
        SCALE.score(math.nan)


@pytest.mark.parametrize("edges", [(1, 1, 2), (3, 2, 1), (0, 1, math.inf), (math.nan, 0, 1)])
def test_scale__edges_that_do_not_ascend_are_refused(edges: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        Scale(edges=edges)


def test_scale__in_milli_rounds_each_edge_to_thousandths() -> None:
    assert Scale.in_milli((-4.0004, -2.0, 1.0006)) == Scale(edges=(-4000, -2000, 1001))


@given(st.floats(0.001, 0.999))
def test_log_odds__turn_round_at_a_half(share: float) -> None:
    assert log_odds(share) == pytest.approx(-log_odds(1 - share), abs=1e-9)
    assert 1 / (1 + math.exp(-log_odds(share))) == pytest.approx(share)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_log_odds__certainty_has_none(share: float) -> None:
    with pytest.raises(ValueInvalid, match="share"):
        log_odds(share)
