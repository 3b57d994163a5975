"""The thesis' selection: what falls out, why, and that it does not depend on chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.research.rows import Population, Row, Table
from models.research.selection import (
    PAIRED_MIN,
    Why,
    correlations_of,
    select,
    selection_lines,
)

NAN = math.nan
ROWS = 200


def table(**columns: np.ndarray) -> Table:
    """A table with these columns."""
    names = tuple(columns)
    rows = tuple(
        Row(
            id=f"{number:016x}",
            malicious=bool(number % 2),
            population=Population.POPULAR,
            group=str(number),
            kind="wheel",
            measured=("metadata",),
            values=tuple(float(x) for x in values),
        )
        for number, values in enumerate(zip(*columns.values(), strict=True))
    )
    return Table(features=names, rows=rows)


def example() -> Table:
    chance = np.random.default_rng(7)
    base = chance.normal(size=ROWS)
    return table(
        base=base,
        twin=base * -2 + 5 + chance.normal(scale=1e-3, size=ROWS),
        other=chance.normal(size=ROWS),
        still=np.full(ROWS, 3.0),
        never=np.full(ROWS, NAN),
        useless=chance.normal(size=ROWS),
    )


IMPORTANCE = {"base": 5.0, "twin": 9.0, "other": 1.0, "still": 7.0, "never": 7.0, "useless": 0.0}


def test_select__says_what_fell_out_and_why() -> None:
    chosen = {one.name: one for one in select(example(), IMPORTANCE).choices}
    assert {name: one.why for name, one in chosen.items()} == {
        "base": Why.CORRELATED,
        "twin": Why.KEPT,
        "other": Why.KEPT,
        "still": Why.CONSTANT,
        "never": Why.NOT_MEASURED,
        "useless": Why.UNIMPORTANT,
    }
    assert chosen["base"].other == "twin"
    assert chosen["base"].r < -0.99


def test_select__keeps_the_more_important_of_two_that_say_the_same() -> None:
    swapped = select(example(), IMPORTANCE | {"base": 10.0})
    assert swapped.kept == ("base", "other")


def test_select__keeps_the_first_of_two_that_matter_the_same() -> None:
    assert select(example(), dict.fromkeys(IMPORTANCE, 1.0)).kept == ("base", "other", "useless")


def test_select__drops_for_what_is_kept_only() -> None:
    """A ~ b ~ c, and a is not like c: b falls to a, and c has nobody to fall to."""
    chance = np.random.default_rng(3)
    a, c = chance.normal(size=ROWS), chance.normal(size=ROWS)
    found = select(table(a=a, b=a + c, c=c), {"a": 3.0, "b": 2.0, "c": 1.0}, correlation_max=0.6)
    assert found.kept == ("a", "c")


def test_select__refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValueInvalid, match="importance"):
        select(example(), {"base": 1.0})
    with pytest.raises(ValueInvalid, match="bound"):
        select(example(), IMPORTANCE, correlation_max=1.5)


def test_select__of_a_table_without_rows_keeps_nothing() -> None:
    empty = Table(features=("a", "b"), rows=())
    assert {one.why for one in select(empty, {"a": 1.0, "b": 1.0}).choices} == {Why.NOT_MEASURED}


def test_correlations__need_enough_rows_that_have_both() -> None:
    chance = np.random.default_rng(5)
    first, second = chance.normal(size=ROWS), chance.normal(size=ROWS)
    second[: PAIRED_MIN - 1] = first[: PAIRED_MIN - 1]
    half = first.copy()
    half[PAIRED_MIN - 1 :] = NAN
    values = np.column_stack([half, second])
    assert correlations_of(values)[0, 1] == 0
    half[PAIRED_MIN - 1] = second[PAIRED_MIN - 1]
    assert correlations_of(values.copy())[0, 1] == 0
    enough = np.column_stack([half, second])
    assert correlations_of(enough)[0, 1] > 0.99


@given(st.integers(0, 2**32 - 1))
def test_correlations__are_numpys_over_the_rows_that_have_both(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(80, 4)) * np.array([1.0, 1e9, 1e-3, 1.0]) + 1e6
    values[:, 3] += values[:, 0] * 2
    values[chance.random(values.shape) < 0.1] = NAN
    found = correlations_of(values)
    for one in range(4):
        for other in range(one):
            both = ~np.isnan(values[:, one]) & ~np.isnan(values[:, other])
            expected = np.corrcoef(values[both, one], values[both, other])[0, 1]
            assert found[one, other] == pytest.approx(expected, abs=1e-6)
            assert found[one, other] == pytest.approx(found[other, one])


@given(st.randoms(use_true_random=False))
def test_select__does_not_depend_on_the_order_of_rows(random: object) -> None:
    whole = example()
    rows = list(whole.rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    shuffled = Table(features=whole.features, rows=tuple(rows))
    before = {one.name: one.why for one in select(whole, IMPORTANCE).choices}
    assert {one.name: one.why for one in select(shuffled, IMPORTANCE).choices} == before


def test_selection_lines__tell_every_feature_once() -> None:
    told = list(selection_lines(select(example(), IMPORTANCE)))
    assert told[0].startswith("2 of 6 features are kept")
    assert sorted(line.split()[0] for line in told[2:]) == sorted(IMPORTANCE)
    assert any("correlated" in line and line.endswith("twin") for line in told)
