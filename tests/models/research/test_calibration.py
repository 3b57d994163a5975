"""Log-odds that mean something, and edges that let no more by than they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.decision import TrustTier
from models.errors import ValueInvalid
from models.research.calibration import (
    TierRates,
    anchor_edges,
    calibration_error,
    fit_platt,
    probability,
    reliability,
)
from models.trust.scale import log_odds


def _rows(seed: int, slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    raw = random.normal(0, 2, 20_000)
    chance = probability(slope * raw + intercept)
    return raw, random.random(len(raw)) < chance


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -1.0), (3.0, 0.5)])
def test_fit_platt__finds_the_line_that_made_the_labels(slope: float, intercept: float) -> None:
    raw, labels = _rows(1, slope, intercept)
    found = fit_platt(raw, labels, np.ones(len(raw)))
    assert found.platt.slope == pytest.approx(slope, rel=0.1)
    assert found.platt.intercept == pytest.approx(intercept, abs=0.1)
    assert found.prior == pytest.approx(labels.mean())


def test_fit_platt__agrees_with_scikit_learn() -> None:
    raw, labels = _rows(2, 1.3, -0.5)
    weights = np.random.default_rng(1).uniform(0.2, 2, len(raw))
    found = fit_platt(raw, labels, weights)
    other = LogisticRegression(C=1e9).fit(raw[:, None], labels, sample_weight=weights)
    assert found.platt.slope == pytest.approx(other.coef_[0, 0], rel=1e-2)
    assert found.platt.intercept == pytest.approx(other.intercept_[0], abs=1e-2)


def test_fit_platt__labels_fully_parted_have_an_answer() -> None:
    raw = np.concatenate([np.full(50, -3.0), np.full(50, 3.0)])
    found = fit_platt(raw, raw > 0, np.ones(100))
    assert 0 < found.platt.slope < 5
    assert probability(found.margin(np.array([3.0]), prior=0.5))[0] > 0.95


def test_fit_platt__never_turns_the_ranking_over() -> None:
    raw = np.linspace(-1, 1, 100)
    assert fit_platt(raw, raw < 0, np.ones(100)).platt.slope > 0


def test_platt__the_prior_of_deployment_shifts_log_odds() -> None:
    raw, labels = _rows(1, 1.0, 0.0)
    found = fit_platt(raw, labels, np.ones(len(raw)))
    at = np.array([0.3])
    same = found.margin(at, prior=found.prior)
    shift = log_odds(0.001) - log_odds(found.prior)
    assert found.margin(at, prior=0.001) == pytest.approx(same + shift)


@given(
    st.integers(1, 3000),
    st.integers(0, 20),
    st.sampled_from((TierRates(), TierRates(e30=0.001, e60=0.004, e80=0.08))),
)
def test_anchor_edges__rise_and_let_no_more_than_their_rates_by(
    rows: int, seed: int, rates: TierRates
) -> None:
    honest = np.random.default_rng(seed).normal(-6, 1, rows)
    edges = anchor_edges(honest, rates)
    e80, e60, e30 = edges.margins
    assert e80 < e60 < e30
    for edge in (edges.e80, edges.e60, edges.e30):
        assert edge.beyond <= edge.rate * rows
        assert edge.beyond == (honest > edge.margin).sum()
    assert edges.e30.extrapolated == (rows < 3000)


def test_anchor_edges__an_edge_beyond_all_rows_lies_beyond_the_highest() -> None:
    honest = np.random.default_rng(1).normal(-6, 1, 300)
    edges = anchor_edges(honest)
    assert edges.e30.extrapolated
    assert edges.e30.margin >= honest.max()
    assert edges.e30.expected == pytest.approx(0.3)
    assert not edges.e80.extrapolated
    assert edges.e80.expected == pytest.approx(30)


def test_edges__each_tier_lies_between_its_edges() -> None:
    edges = anchor_edges(np.random.default_rng(1).normal(-6, 1, 3000))
    e80, e60, e30 = edges.margins
    assert edges.tier(e80) is TrustTier.APPROVE
    assert edges.tier(e60) is TrustTier.MONITOR
    assert edges.tier(e30) is TrustTier.QUARANTINE
    assert edges.tier(float(np.nextafter(e30, np.inf))) is TrustTier.BLOCK


def test_anchor_edges__refuses_rates_that_do_not_rise_and_no_rows() -> None:
    with pytest.raises(ValueInvalid, match="rise"):
        anchor_edges(np.zeros(10), TierRates(e30=0.1, e60=0.01, e80=0.2))
    with pytest.raises(ValueInvalid, match="no honest rows"):
        anchor_edges(np.zeros(0))


def test_reliability__what_is_calibrated_has_little_error() -> None:
    raw, labels = _rows(3, 1.0, 0.0)
    weights = np.ones(len(raw))
    good = calibration_error(reliability(probability(raw), labels, weights))
    bold = calibration_error(reliability(probability(4 * raw), labels, weights))
    assert good < 0.02 < bold
