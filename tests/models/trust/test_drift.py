"""Drift: laws of the index, what chance explains, and what is told about it."""

from __future__ import annotations

import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.trust.drift import (
    MOVED_PSI,
    ROWS_MIN,
    WATCH_PSI,
    DriftReport,
    Gauge,
    Level,
    Tally,
    exposition,
    gauges,
    level_of,
    noise,
    psi,
)
from models.trust.reference import LAYER_PREFIX, SCORE, Reference, reference_of

cells = st.lists(st.integers(0, 500), min_size=4, max_size=4)


@given(cells, cells)
def test_psi__is_never_negative(then: list[int], now: list[int]) -> None:
    assert psi(then, now) >= 0


@given(cells, st.integers(1, 20))
def test_psi__of_the_same_is_nothing(then: list[int], times: int) -> None:
    assert psi(then, then) == pytest.approx(0, abs=1e-12)
    assert psi(then, [times * cell for cell in then]) < 0.5


@given(cells, cells)
def test_psi__is_the_same_both_ways(then: list[int], now: list[int]) -> None:
    assert psi(then, now) == pytest.approx(psi(now, then))


@given(cells, cells, st.permutations(range(4)))
def test_psi__does_not_hang_on_the_order_of_cells(
    then: list[int], now: list[int], order: list[int]
) -> None:
    assert psi([then[at] for at in order], [now[at] for at in order]) == pytest.approx(
        psi(then, now)
    )


@given(cells, cells)
def test_psi__cells_that_nobody_used_count_for_nothing(then: list[int], now: list[int]) -> None:
    assert psi([*then, 0, 0], [*now, 0, 0]) == psi(then, now)


def test_psi__by_hand() -> None:
    """(0.9 - 0.5) ln(0.9/0.5) + (0.1 - 0.5) ln(0.1/0.5), but for the half that each cell gets."""
    by_hand = 0.4 * math.log(1.8) - 0.4 * math.log(0.2)
    assert psi([50_000, 50_000], [90_000, 10_000]) == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(("then_rows", "now_rows"), [(300, 50), (1000, 200), (200, 200)])
def test_noise__is_rarely_passed_where_nothing_moved(then_rows: int, now_rows: int) -> None:
    """One in twenty by its making; a simulation of 400 with this seed stays under one in ten."""
    rng = random.Random(f"{then_rows}-{now_rows}")  # noqa: S311 - a simulation

    def drawn(rows: int) -> list[int]:
        picks = rng.choices(range(8), k=rows)
        return [picks.count(cell) for cell in range(8)]

    passed = sum(
        psi(drawn(then_rows), drawn(now_rows)) > noise(8, then_rows, now_rows) for _ in range(400)
    )
    assert 0 < passed < 40


@given(st.integers(2, 20), st.integers(1, 10_000), st.integers(1, 10_000))
def test_noise__falls_with_rows_and_rises_with_cells(used: int, then: int, now: int) -> None:
    assert noise(used, then, now) > noise(used, then, 2 * now)
    assert noise(used + 1, then, now) > noise(used, then, now)
    assert noise(used, 0, now) == noise(used, then, 0) == math.inf
    assert noise(1, then, now) == 0


@pytest.mark.parametrize(
    ("measured", "chance", "rows", "expected"),
    [
        (9.0, 0.0, ROWS_MIN - 1, Level.TOO_FEW),
        (WATCH_PSI - 0.001, 0.0, ROWS_MIN, Level.STEADY),
        (WATCH_PSI, 0.0, ROWS_MIN, Level.WATCH),
        (MOVED_PSI - 0.001, 0.0, ROWS_MIN, Level.WATCH),
        (MOVED_PSI, 0.0, ROWS_MIN, Level.MOVED),
        (MOVED_PSI, MOVED_PSI, ROWS_MIN, Level.STEADY),
    ],
)
def test_level_of__is_the_rule_of_thumb_but_never_chance(
    measured: float, chance: float, rows: int, expected: Level
) -> None:
    assert level_of(measured, chance, rows=rows) is expected


def reference() -> Reference:
    return reference_of(
        {
            "steady": [float(n % 10) for n in range(1000)],
            "moves": [float(n % 10) for n in range(1000)],
            SCORE: [float(n % 100) for n in range(1000)],
            LAYER_PREFIX + "behaviour": [1.0] * 1000,
        },
        model="trust",
    )


def reported(rows: int = 500) -> DriftReport:
    tally = Tally(reference())
    for number in range(rows):
        row = {"steady": float(number % 10), "moves": 9.0, SCORE: float(number % 100), "new": 1.0}
        if number % 2:
            row[LAYER_PREFIX + "behaviour"] = 1.0
        tally.add(row)
    return tally.report()


def test_tally__tells_what_moved_from_what_did_not() -> None:
    report = reported()
    assert (report.model, report.rows_then, report.rows_now) == ("trust", 1000, 500)
    assert [(one.name, one.level) for one in report.features] == [
        ("moves", Level.MOVED),
        ("steady", Level.STEADY),
    ]
    assert report.score is not None
    assert report.score.level is Level.STEADY
    assert sum(report.score_now) == 500
    (layer,) = report.layers
    assert (layer.missing_then, layer.missing_now) == (0.0, 0.5)
    assert layer.level is Level.MOVED
    assert set(report.at(Level.MOVED)) == {report.features[0], layer}


def test_tally__a_column_that_a_row_lacks_was_not_measured() -> None:
    tally = Tally(reference())
    for _ in range(100):
        tally.add({})
    for one in tally.report().columns:
        assert one.missing_now == 1.0
        assert one.level is Level.MOVED


def test_tally__without_rows_says_too_few() -> None:
    report = Tally(reference()).report()
    assert report.rows_now == 0
    assert {one.level for one in report.columns} == {Level.TOO_FEW}
    assert Tally(reference_of({})).report().columns == ()


SAMPLE = re.compile(
    r'[a-z_:][a-z0-9_:]*(?:\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})?'
    r" -?[0-9.e+-]+\Z"
)


def test_exposition__is_one_line_a_gauge_with_help_and_type_once() -> None:
    rows = gauges(reported())
    lines = exposition(rows).splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert len(samples) == len(rows)
    assert all(map(SAMPLE.match, samples))
    names = {gauge.name for gauge in rows}
    for name in names:
        assert sum(line.startswith(f"# HELP {name} ") for line in lines) == 1
        assert lines.count(f"# TYPE {name} gauge") == 1
    assert 'pratique_layer_missing_ratio{layer="behaviour"} 0.5' in samples
    assert 'pratique_drift_columns{level="moved"} 2' in samples
    assert "pratique_drift_rows 500" in samples


@given(st.text(max_size=20))
def test_exposition__a_hostile_label_stays_on_its_line(label: str) -> None:
    text = exposition([Gauge(name="a", value=1.5, help="b\nc", labels=(("column", label),))])
    assert text.count("\n") == 3
    assert text.startswith("# HELP a b\\nc\n")
    sample = text.split("\n")[2]
    inner = sample.removeprefix('a{column="').removesuffix('"} 1.5')
    plain = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), inner)
    assert plain == label
