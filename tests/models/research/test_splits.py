"""Laws of the splits: no group on both sides, no later time in training, no known family in a test."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.research.rows import Population, Row
from models.research.splits import (
    Split,
    family_split,
    grouped_split,
    random_split,
    split_digest,
    time_split,
)
from tests.models.research import synthetic

DAYS = st.sampled_from(("", "2023-05-01", "2024-08-31", "2024-09-01", "2025-02-03"))


@st.composite
def rows_strategy(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows of any population in few groups, so that groups and populations overlap."""
    made = []
    for number in range(draw(st.integers(8, 60))):
        population = draw(st.sampled_from(tuple(Population)))
        made.append(
            Row(
                id=f"{number:016x}",
                malicious=population in {Population.MALWARE, Population.GRAFT},
                population=population,
                group=f"g{draw(st.integers(0, 9))}",
                template=f"t{draw(st.integers(0, 5))}",
                technique=f"T{draw(st.integers(0, 4))}",
                kind="wheel",
                date=draw(DAYS) if population is Population.MALWARE else "",
                measured=("metadata",),
                values=(1.0,),
            )
        )
    return tuple(made)


def _parts_no_group(rows: tuple[Row, ...], split: Split) -> bool:
    return all(
        not {rows[at].group for at in fold.train} & {rows[at].group for at in fold.test}
        for fold in split.folds
    )


@given(rows_strategy(), st.integers(0, 5), st.integers(2, 6))
def test_grouped_split__never_parts_a_group_and_tests_each_row_once(
    rows: tuple[Row, ...], seed: int, folds: int
) -> None:
    split = grouped_split(rows, seed=seed, folds=folds)
    assert _parts_no_group(rows, split)
    assert sorted(at for fold in split.folds for at in fold.test) == list(range(len(rows)))
    assert all(set(fold.train).isdisjoint(fold.test) for fold in split.folds)


@given(rows_strategy(), st.integers(0, 5))
def test_random_split__tests_each_row_once_and_keeps_the_shares(
    rows: tuple[Row, ...], seed: int
) -> None:
    split = random_split(rows, seed=seed, folds=4)
    assert sorted(at for fold in split.folds for at in fold.test) == list(range(len(rows)))
    for population in Population:
        counts = [
            sum(rows[at].population is population for at in fold.test) for fold in split.folds
        ]
        assert max(counts) - min(counts) <= 1


@given(rows_strategy(), st.integers(0, 5))
def test_time_split__trains_on_nothing_of_the_later_time(rows: tuple[Row, ...], seed: int) -> None:
    split = time_split(rows, bound="2024-09-01", seed=seed)
    assert _parts_no_group(rows, split)
    early = {row.group for row in rows if row.date and row.date < "2024-09-01"}
    known = {row.template for row in rows if row.date and row.date < "2024-09-01"}
    for fold in split.folds:
        for row in (rows[at] for at in fold.train if rows[at].population is Population.MALWARE):
            assert "" < row.date < "2024-09-01"
        for row in (rows[at] for at in fold.test if rows[at].population is Population.MALWARE):
            assert row.date >= "2024-09-01"
            assert row.group not in early
            assert row.template not in known
    tested = [at for fold in split.folds for at in fold.test]
    assert len(tested) == len(set(tested))


def test_time_split__a_group_that_straddles_stays_out_of_the_test() -> None:
    rows = list(synthetic.table().rows)
    late = next(at for at, row in enumerate(rows) if row.date >= "2025")
    early = next(row for row in rows if row.date and row.date < "2024")
    rows[late] = replace(rows[late], group=early.group, template="unseen")
    split = time_split(rows, bound="2024-09-01", seed=1)
    assert not any(late in (*fold.train, *fold.test) for fold in split.folds)


def test_time_split__refuses_what_is_no_day() -> None:
    with pytest.raises(ValueInvalid, match="September"):
        time_split(synthetic.table().rows, bound="September", seed=1)


@given(rows_strategy(), st.sampled_from(("technique", "recipe")), st.integers(2, 4))
def test_family_split__never_trains_on_the_family_that_it_tests(
    rows: tuple[Row, ...], by: str, most: int
) -> None:
    kin = {row.technique if by == "technique" else row.template for row in rows if _enacted(row)}
    if len(kin) < 2:
        with pytest.raises(ValueInvalid, match="two are needed"):
            family_split(rows, by=by, seed=1, families_max=most)
        return
    split = family_split(rows, by=by, seed=1, families_max=most)
    assert len(split.folds) == min(len(kin), most)
    assert _parts_no_group(rows, split)
    for fold in split.folds:
        trained, tested = (
            {
                rows[at].technique if by == "technique" else rows[at].template
                for at in side
                if _enacted(rows[at])
            }
            for side in (fold.train, fold.test)
        )
        assert not trained & tested


def _enacted(row: Row) -> bool:
    return row.population in {Population.GRAFT, Population.TWIN}


def test_split_digest__is_that_of_the_seed_and_the_rows() -> None:
    rows = synthetic.table().rows
    first = split_digest(rows, grouped_split(rows, seed=1))
    assert first == split_digest(rows, grouped_split(rows, seed=1))
    assert first != split_digest(rows, grouped_split(rows, seed=2))
    renamed = (replace(rows[0], id="f" * 16), *rows[1:])
    assert first != split_digest(renamed, grouped_split(renamed, seed=1))
