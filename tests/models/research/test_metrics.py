"""Figures and their intervals, against small cases that can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.research.metrics import (
    Sample,
    confusion,
    difference,
    measure,
    precision_at,
    precision_points,
    roc_points,
    share_at_or_above,
)


def _sample(
    seed: int, *, gap: float = 1.0, items: int = 200, each: int = 1, ties: bool = False
) -> Sample:
    random = np.random.default_rng(seed)
    malicious = np.arange(items) % 2 == 0
    own = random.normal(0, 1, items)
    # Items of one group share most of their noise, as siblings of a campaign do.
    group = np.arange(items) // (2 * each) * 2 + malicious
    shared = random.normal(0, 1, items + 2)[group] if each > 1 else own
    scores = shared * 0.9 + own * 0.1 + gap * malicious
    if ties:
        scores = np.round(scores)
    return Sample.of(scores, malicious, np.array([f"g{one}" for one in group]))


@given(st.integers(0, 50), st.booleans())
def test_measure__auroc_is_the_share_of_pairs_in_the_right_order(seed: int, ties: bool) -> None:
    sample = _sample(seed, items=40, ties=ties)
    good, bad = sample.scores[sample.benign], sample.scores[sample.malicious]
    pairs = (bad[:, None] > good).mean() + (bad[:, None] == good).mean() / 2
    assert measure(sample, seed=1, resamples=2).auroc.value == pytest.approx(pairs)


@given(st.integers(0, 50), st.booleans(), st.sampled_from((0.01, 0.05, 0.2)))
def test_measure__flags_no_more_than_the_rate_and_says_at_which_score(
    seed: int, ties: bool, rate: float
) -> None:
    sample = _sample(seed, items=60, ties=ties)
    at = measure(sample, seed=1, rates=(rate,), resamples=2).at[0]
    flagged = sample.scores >= at.threshold
    assert at.false_alarms == (flagged & sample.benign).sum() <= rate * sample.benign.sum()
    assert at.recall.value == pytest.approx(flagged[sample.malicious].mean())
    lower = sample.scores[~flagged]
    next_block = sample.scores >= lower.max() if len(lower) else flagged
    assert not len(lower) or (next_block & sample.benign).sum() > rate * sample.benign.sum()


def test_measure__interval_covers_the_true_figure_about_as_often_as_it_says() -> None:
    truth = 0.7602  # of two normal scores one spread apart: Phi(1 / sqrt 2)
    inside = 0
    for seed in range(100):
        found = measure(_sample(seed, each=4, items=400), seed=seed, rates=(), resamples=200).auroc
        inside += found.low <= truth <= found.high
    assert 86 <= inside <= 100


def test_measure__groups_widen_the_interval() -> None:
    sample = _sample(3, each=8, items=400)
    alone = replace(sample, group=np.array([f"{at}" for at in range(400)]))
    wide, narrow = (measure(one, seed=1, rates=(), resamples=500).auroc for one in (sample, alone))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_measure__all_caught_is_no_proof_of_certainty() -> None:
    sample = _sample(3, gap=50, items=40)
    found = measure(sample, seed=1, rates=(0.05,), resamples=100).at[0].recall
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.025 ** (1 / 20))


def test_measure__says_where_a_rate_is_finer_than_the_items() -> None:
    at = measure(_sample(3), seed=1, rates=(0.001, 0.05), resamples=2).at
    assert [one.claimable for one in at] == [False, True]


def test_measure__is_that_of_its_seed() -> None:
    sample = _sample(3)
    assert measure(sample, seed=1) == measure(sample, seed=1)
    assert measure(sample, seed=1) != measure(sample, seed=2)


def test_measure__a_weight_counts_like_copies() -> None:
    sample = _sample(3, items=60)
    weights = np.where(np.arange(60) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(60), weights.astype(int))
    copied = Sample.of(sample.scores[twice], sample.malicious[twice], sample.group[twice])
    weighed = measure(replace(sample, weights=weights), seed=1, resamples=2)
    plain = measure(copied, seed=1, resamples=2)
    assert weighed.auroc.value == pytest.approx(plain.auroc.value)
    assert weighed.auprc.value == pytest.approx(plain.auprc.value)


def test_sample__leaves_out_what_has_no_score_and_wants_both_labels() -> None:
    scores = np.array([1.0, np.nan, 0.0])
    labels = np.array([True, True, False])
    assert len(Sample.of(scores, labels, np.array(["a", "b", "c"])).scores) == 2
    with pytest.raises(ValueInvalid, match="both labels"):
        Sample.of(scores[:2], labels[:2], np.array(["a", "b"]))


def test_difference__a_scorer_does_not_beat_itself() -> None:
    sample = _sample(3)
    none = difference(sample, sample.scores, rate=0.05, seed=1, resamples=50)
    assert (none.value, none.low, none.high) == (0, 0, 0)


def test_difference__sees_the_better_of_two() -> None:
    sample = _sample(3, gap=3)
    worse = np.random.default_rng(1).normal(0, 1, len(sample.scores))
    found = difference(sample, worse, rate=0.05, seed=1, resamples=200)
    assert 0 < found.low <= found.value <= found.high
    turned = difference(
        replace(sample, scores=worse), sample.scores, rate=0.05, seed=1, resamples=200
    )
    assert turned.value == -found.value


def test_difference__all_against_nothing_is_no_proof_of_certainty() -> None:
    sample = _sample(3, gap=50, items=40)
    blind = np.zeros(40)
    found = difference(sample, blind, rate=0.05, seed=1, resamples=50)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 20))
    turned = difference(
        replace(sample, scores=blind), sample.scores, rate=0.05, seed=1, resamples=50
    )
    assert (turned.value, turned.low, turned.high) == (-1, -1, -found.low)


def test_precision_at__base_rates_of_the_world() -> None:
    """FACTS section 3: at 1 in 10,000, 1 % FPR with 95 % recall is 0.9 % precision."""
    assert precision_at(0.95, 0.01, 0.0001) == pytest.approx(0.0094, abs=1e-4)
    assert precision_at(0, 0, 0.1) == 0


def test_confusion__by_hand() -> None:
    scores = np.array([3.0, 1.0, 2.0, 0.0])
    labels = np.array([True, True, False, False])
    found = confusion(Sample.of(scores, labels, np.array(list("abcd"))), 2.0)
    assert (found.recall, found.fpr, found.precision, found.f1) == (0.5, 0.5, 0.5, 0.5)


def test_share_at_or_above__none_seen_is_not_none_there_is() -> None:
    group = np.array([f"g{at}" for at in range(30)])
    found = share_at_or_above(np.zeros(30), group, 1.0, seed=1)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 30))


@given(st.integers(0, 30), st.booleans())
def test_points__curves_are_within_the_square_and_roc_rises(seed: int, ties: bool) -> None:
    sample = _sample(seed, items=600, ties=ties)
    roc = roc_points(sample)
    assert roc[0] == (0.0, 0.0)
    assert roc[-1] == (1.0, 1.0)
    assert list(roc) == sorted(roc)
    for points in (roc, precision_points(sample)):
        assert all(0 <= number <= 1 for point in points for number in point)
