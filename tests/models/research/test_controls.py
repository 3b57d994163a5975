"""Controls stay at chance where there is nothing, and rise where a leak was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.research.ablation import ablate
from models.research.controls import Control, broken, run_controls
from models.research.harness import boosted, held_out
from models.research.lightgbm_training import TREES
from models.research.matrix import Columns, Matrix
from models.research.rows import Population, Row, Table
from models.research.splits import grouped_split
from tests.models.research import synthetic

QUICK = replace(TREES, trees=40)
TABLE = synthetic.table(scale=2)


def _controls(table: Table, *, route: tuple[str, ...] = ()) -> dict[str, Control]:
    columns = replace(synthetic.columns_of(table.features), route=route)
    matrix = Matrix.of(table, columns)
    split = grouped_split(matrix.rows, seed=1)
    found = run_controls(matrix, split, seed=1, numbers=QUICK, resamples=200)
    return {one.name: one for one in found}


def _changed(table: Table, name: str, value: dict[Population, float]) -> Table:
    """The table with one feature set by population."""
    at = table.features.index(name)

    def change(row: Row) -> Row:
        if row.population not in value:
            return row
        values = list(row.values)
        values[at] = value[row.population]
        return replace(row, values=tuple(values))

    return replace(table, rows=tuple(change(row) for row in table.rows))


CLEAN = _controls(TABLE)


def test_run_controls__nothing_rises_where_nothing_leaks() -> None:
    assert broken(CLEAN.values()) == ()
    assert sum(one.must_hold for one in CLEAN.values()) == 6


def test_run_controls__size_alone_parts_malware_and_is_not_called_broken() -> None:
    size = CLEAN["size only"]
    assert size.rises
    assert size.auroc.low > 0.9
    assert not size.must_hold


def test_run_controls__hygiene_alone_is_for_scale_and_never_breaks() -> None:
    assert "no such column" in CLEAN["metadata hygiene only"].note
    names = tuple("shape.x" if name == "static.0" else name for name in TABLE.features)
    careless = _changed(replace(TABLE, features=names), "shape.x", {Population.MALWARE: 99.0})
    found = _controls(careless)
    assert found["metadata hygiene only"].auroc.low > 0.99
    assert not found["metadata hygiene only"].must_hold
    assert broken(found.values()) == ()


def test_run_controls__a_tell_of_the_test_bed_rises() -> None:
    leaky = _changed(TABLE, "size.files", {Population.GRAFT: 7, Population.TWIN: 6})
    assert "tells only" in {one.name for one in broken(_controls(leaky).values())}


def test_run_controls__a_gap_that_tells_the_label_rises() -> None:
    leaky = _changed(TABLE, "graph.1", {Population.MALWARE: float("nan")})
    assert "missingness only" in {one.name for one in broken(_controls(leaky).values())}


def test_run_controls__a_route_that_tells_the_label_rises() -> None:
    leaky = _changed(TABLE, "kind.wheel", {Population.GRAFT: 1.0, Population.TWIN: 0.0})
    found = _controls(leaky, route=("kind.wheel",))
    assert "install route only" in {one.name for one in broken(found.values())}
    assert found["requirements only"].rises
    assert not found["requirements only"].must_hold


def test_run_controls__without_a_column_of_the_route_says_so() -> None:
    route = CLEAN["install route only"]
    assert route.auroc.value == 0.5
    assert "no such column" in route.note


def test_ablate__what_carries_a_view_costs_it() -> None:
    matrix = Matrix.of(TABLE, synthetic.columns_of(TABLE.features))
    split = grouped_split(matrix.rows, seed=1)
    whole = held_out(matrix, split, boosted(numbers=QUICK), seed=1)
    found = ablate(matrix, split, whole, seed=1, numbers=QUICK, resamples=100)
    by_name = {(one.kind, one.name): one for one in found}
    lost = {loss.view: loss.lost.value for loss in by_name["layer", "behaviour"].losses}
    assert lost["behaviour"] > 0.3
    assert lost["static"] == pytest.approx(0, abs=0.15)
    # The one family of its layer is the layer: it is not trained twice.
    assert ("family", "graph") not in by_name
    assert {one.features for one in found if one.kind == "family"} == {4}


def test_ablate__what_does_not_vary_is_not_dropped() -> None:
    alike = synthetic.flattened(TABLE, "graph")
    matrix = Matrix.of(alike, synthetic.columns_of(alike.features))
    split = grouped_split(matrix.rows, seed=1)
    whole = held_out(matrix, split, boosted(numbers=QUICK), seed=1)
    found = ablate(matrix, split, whole, seed=1, numbers=QUICK, resamples=5)
    assert {one.name for one in found if one.kind == "layer"} == {"metadata", "behaviour"}
    assert "graph" not in {one.name for one in found}


def test_columns__context_is_not_learned() -> None:
    columns: Columns = synthetic.columns_of(TABLE.features)
    assert columns.context == ("size.bytes", "size.files", "kind.wheel")
    assert not set(columns.context) & set(columns.learned)
    assert np.array_equal(columns.places(columns.learned[:3]), [0, 1, 2])
