"""Laws of the figures: what an interval must hold, what ties may not do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.intervals import (
    Pair,
    bar_for,
    bootstrap,
    clustered,
    compare,
    wilson,
)

SCORES = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=40)
PAIRS = st.lists(
    st.builds(Pair, ours=st.integers(0, 5).map(float), theirs=st.integers(0, 9).map(float)),
    min_size=1,
    max_size=25,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (10, 100, 0.0552, 0.1744),  # Newcombe 1998, the worked form of the score interval
        (0, 100, 0.0, 0.0370),
        (1, 10, 0.0179, 0.4042),
        (50, 50, 0.9287, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson__known_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=2e-4)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson__holds_its_share_and_stays_a_share(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    mirrored = wilson(n - hits, n)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


@given(SCORES, st.integers(0, 45))
def test_bar__flags_no_more_than_allowed_and_as_many_as_ties_let(
    scores: list[float], allowed: int
) -> None:
    bar = bar_for(scores, allowed)
    assert sum(score > bar for score in scores) <= allowed
    if bar > 0:
        assert sum(score >= bar for score in scores) > allowed


@pytest.mark.parametrize(
    ("scores", "allowed", "bar"),
    [
        ([3.0, 2.0, 1.0], 2, 1.0),
        ([3.0, 2.0, 2.0, 1.0], 2, 2.0),
        ([2.0, 2.0, 2.0], 2, 2.0),
        ([2.0, 2.0, 0.0], 2, 0.0),
        ([1.0], 0, 1.0),
        ([], 0, 0.0),
    ],
)
def test_bar__ties_go_together(scores: list[float], allowed: int, bar: float) -> None:
    assert bar_for(scores, allowed) == bar


@given(PAIRS, PAIRS, st.integers(1, 9).map(float))
def test_compare__is_never_bought_with_more_false_positives(
    malware: list[Pair], honest: list[Pair], threshold: float
) -> None:
    said = compare(malware, honest, threshold)
    assert said.ours_false <= said.theirs_false
    assert said.difference == said.ours - said.theirs


@given(PAIRS, PAIRS)
def test_compare__a_scorer_differs_from_itself_by_nothing(
    malware: list[Pair], honest: list[Pair]
) -> None:
    alike = [Pair(ours=pair.ours, theirs=pair.ours) for pair in malware]
    known = [Pair(ours=pair.ours, theirs=pair.ours) for pair in honest]
    said = compare(alike, known, 3.0)
    # Ours takes the lowest bar that the rate allows, so that it may flag more malware, never less.
    assert said.difference >= 0
    assert said.ours_false == said.theirs_false


def test_bootstrap__is_repeatable_and_holds_what_was_measured() -> None:
    malware = [[Pair(ours=9.0, theirs=float(n % 2 * 9))] * 3 for n in range(30)]
    honest = [[Pair(ours=0.0, theirs=0.0)] for _ in range(30)]
    honest[0] = [Pair(ours=1.0, theirs=9.0)]
    measured = compare([p for c in malware for p in c], [p for c in honest for p in c], 5.0)
    said = bootstrap(malware, honest, 5.0, seed=7, resamples=300)
    assert said == bootstrap(malware, honest, 5.0, seed=7, resamples=300)
    assert said != bootstrap(malware, honest, 5.0, seed=8, resamples=300)
    for name in ("ours", "theirs", "difference"):
        low, high = said[name]
        assert low <= getattr(measured, name) <= high
    assert said["difference"][0] > 0.2


def test_bootstrap__one_large_cluster_makes_the_interval_wide() -> None:
    honest = [[Pair(ours=0.0, theirs=0.0)] for _ in range(20)]
    alone = [[Pair(ours=0.0, theirs=float(n % 2 * 9))] for n in range(40)]
    together = [[pair[0] for pair in alone[::2]], [pair[0] for pair in alone[1::2]]]
    narrow = bootstrap(alone, honest, 5.0, seed=1, resamples=400)["theirs"]
    wide = bootstrap(together, honest, 5.0, seed=1, resamples=400)["theirs"]
    assert wide == (0.0, 1.0)
    assert narrow[1] - narrow[0] < 0.5


def test_clustered__keeps_every_pair_once() -> None:
    pairs = [Pair(ours=float(n), theirs=0.0) for n in range(3)]
    assert clustered(zip("aba", pairs, strict=True)) == [[pairs[0], pairs[2]], [pairs[1]]]
