"""The audit's arithmetic: laws that hold for any rows."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.research.leak_figures import (
    SIDE_MIN,
    Labelled,
    asked_of_others,
    auroc,
    balanced,
    by_nearest,
    by_stump,
    by_tokens,
    of_sign,
    wilson,
)


def rows(count: int) -> Labelled:
    """So many rows, every second malicious, each a family of its own."""
    return Labelled(
        labels=tuple(row % 2 == 0 for row in range(count)),
        families=tuple(f"f{row:04}" for row in range(count)),
    )


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson__holds_its_share_and_narrows_with_more_rows(hits: int, n: int) -> None:
    share = min(hits, n) / n
    low, high = wilson(share, n)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    widths = [pair[1] - pair[0] for pair in (wilson(share, n), wilson(share, 4 * n))]
    assert widths[1] < widths[0]


def test_wilson__nothing_is_known_of_none() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100), st.integers(1, 100))
def test_balanced__value_lies_in_its_bounds(
    caught: float, passed: float, malicious: int, benign: int
) -> None:
    found = balanced(caught, passed, (malicious, benign))
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1


def test_balanced__all_right_is_not_certain() -> None:
    bounds = [balanced(1.0, 1.0, (n, n)).low for n in (5, 7, 40, 1000)]
    assert all(first < second < 1 for first, second in pairwise(bounds))


def test_balanced__few_families_bound_nothing() -> None:
    found = balanced(1.0, 1.0, (SIDE_MIN - 1, 500))
    assert (found.value, found.low, found.high) == (1.0, 0.0, 1.0)


@given(st.lists(st.booleans(), min_size=20, max_size=20))
def test_sign__and_its_opposite_tell_the_same(shown: list[bool]) -> None:
    known = rows(20)
    there, absent = of_sign(shown, known), of_sign([not one for one in shown], known)
    assert there.value >= 0.5
    assert (there.value, there.low, there.high) == pytest.approx(
        (absent.value, absent.low, absent.high)
    )


def test_interval__one_campaign_of_many_rows_is_no_proof() -> None:
    shown = [True] * 40 + [False] * 40
    labels = tuple(shown)
    apart = Labelled(labels=labels, families=tuple(f"f{row}" for row in range(80)))
    campaign = Labelled(labels=labels, families=("c",) * 40 + tuple(f"f{row}" for row in range(40)))
    assert of_sign(shown, apart).tells
    assert not of_sign(shown, campaign).tells


def test_tokens__what_both_sides_show_alike_weighs_nothing() -> None:
    known = rows(40)
    found = asked_of_others(by_tokens([frozenset({"same"})] * 40, known), known, seed=1)
    assert found.value == 0.5


def test_tokens__a_word_of_one_side_is_learned() -> None:
    known = rows(60)
    tokens = [frozenset({"bad" if label else "good", "same"}) for label in known.labels]
    assert asked_of_others(by_tokens(tokens, known), known, seed=1).value == 1.0


def test_tokens__a_familys_own_word_helps_nobody() -> None:
    """A word that only one family has is not known when that family is asked about."""
    known = Labelled(
        labels=tuple(row < 30 for row in range(60)),
        families=tuple(f"f{row // 3}" for row in range(60)),
    )
    tokens = [frozenset({family}) for family in known.families]
    assert asked_of_others(by_tokens(tokens, known), known, seed=1).value == 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chance__no_fit_gets_beyond_it(seed: int) -> None:
    known = rows(120)
    chance = np.random.default_rng(seed)
    numbers = chance.integers(0, 1000, size=(120, 6)).astype(np.float64)
    draw = random.Random(seed)  # noqa: S311 - made rows
    tokens = [frozenset(draw.sample("abcdefghij", 3)) for _ in range(120)]
    for fit in (by_stump(numbers, known), by_nearest(numbers, known), by_tokens(tokens, known)):
        assert not asked_of_others(fit, known, seed=seed).tells


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers__a_planted_column_is_found_either_way_round(sign: int) -> None:
    known = rows(120)
    numbers = np.random.default_rng(4).integers(0, 1000, size=(120, 4)).astype(np.float64)
    numbers[:, 2] += 5000 + sign * 2000 * np.array(known.labels)
    assert asked_of_others(by_stump(numbers, known), known, seed=1).value > 0.95
    only = numbers[:, [2]]
    assert asked_of_others(by_nearest(only, known), known, seed=1).value > 0.95


def test_nearest__the_rows_asked_about_do_not_scale_the_columns() -> None:
    """A wild row among those asked would flatten the first column, were it to set the scale."""
    known = Labelled(labels=(True, False, True), families=("a", "b", "c"))
    calm = np.expm1([[0.0, 0.0], [1.0, 2.0], [0.1, 1.5]])
    wild = np.vstack([calm, np.expm1([[300.0, 0.0]])])
    asked = Labelled(labels=(*known.labels, True), families=(*known.families, "d"))
    alone = by_nearest(calm, known)([0, 1], [2])
    assert list(by_nearest(wild, asked)([0, 1], [2, 3]))[:1] == list(alone) == [1.0]


def test_asked__same_seed_same_figure() -> None:
    known = rows(50)
    numbers = np.random.default_rng(9).normal(size=(50, 3)) ** 2
    figures = [asked_of_others(by_stump(numbers, known), known, seed=5) for _ in range(2)]
    assert figures[0] == figures[1]


@given(st.lists(st.integers(0, 5), min_size=12, max_size=12))
def test_auroc__counts_pairs(values: list[int]) -> None:
    labels = np.array(rows(12).labels)
    column = np.array(values, dtype=np.float64)
    pairs = [
        1.0 if bad > good else 0.5 if bad == good else 0.0
        for bad in column[labels]
        for good in column[~labels]
    ]
    assert auroc(column, labels) == pytest.approx(sum(pairs) / len(pairs))
