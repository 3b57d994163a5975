"""Whole decisions: the same rows for every scorer, and both together never above either."""

from __future__ import annotations

from models.decision import TrustTier
from models.research.decided import BOTH, LATER, MODEL_ALONE, RULES, Decided, decided
from models.research.rows import Population, Row


def row(number: int, population: Population, *, date: str = "", kind: str = "wheel") -> Row:
    return Row(
        id=str(number),
        malicious=population is Population.MALWARE,
        population=population,
        group=str(number),
        kind=kind,
        date=date,
        measured=("metadata",),
        values=(),
    )


def of(found: tuple[Decided, ...], scorer: str, population: str) -> Decided:
    return next(one for one in found if (one.scorer, one.population) == (scorer, population))


def test_decided__both_is_the_lower_of_the_two_row_by_row() -> None:
    rows = [row(number, Population.POPULAR) for number in range(4)]
    found = decided(
        rows,
        [TrustTier.APPROVE, TrustTier.MONITOR, TrustTier.APPROVE, TrustTier.BLOCK],
        {"0": 85, "1": 95, "2": 40, "3": 99},
        bound="2024-09-01",
    )
    assert of(found, RULES, "popular").approve == 0.75
    assert of(found, MODEL_ALONE, "popular").approve == 0.5
    both = of(found, BOTH, "popular")
    assert (both.approve, both.monitor, both.quarantine, both.block) == (0.25,) * 4
    assert both.stopped == 0.5


def test_decided__a_row_that_one_scorer_does_not_know_counts_for_none() -> None:
    rows = [row(number, Population.LONG_TAIL) for number in range(3)]
    found = decided(
        rows, [TrustTier.APPROVE, None, TrustTier.APPROVE], {"0": 90, "1": 10}, bound="2024-09-01"
    )
    assert [one.rows for one in found] == [1, 1, 1]
    assert all(one.approve == 1 for one in found)


def test_decided__later_malware_stands_by_itself_too() -> None:
    rows = [
        row(0, Population.MALWARE, date="2024-01-01"),
        row(1, Population.MALWARE, date="2024-09-01"),
        row(2, Population.MALWARE, date="2024-12-01", kind="sdist"),
    ]
    found = decided(rows, [TrustTier.BLOCK] * 3, {"0": 10, "1": 90, "2": 40}, bound="2024-09-01")
    assert {one.rows for one in found if one.population == LATER} == {1}
    assert of(found, RULES, LATER).population == LATER
    assert all(one.malicious for one in found)
    wheels = [one for one in found if (one.population, one.kind) == ("malware", "wheel")]
    assert {one.rows for one in wheels} == {2}
