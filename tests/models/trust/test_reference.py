"""References: bins that hold everything once, and a file that reads back or is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.trust.reference import (
    BINS,
    REFERENCE_BYTES_MAX,
    SCORE,
    SCORE_EDGES,
    Histogram,
    Reference,
    histogram_of,
    layer_columns,
    read_reference,
    reference_of,
    write_reference,
)

values = st.lists(st.floats(width=32, allow_infinity=True), max_size=60)


@given(values)
def test_histogram_of__every_value_is_in_one_cell(column: list[float]) -> None:
    made = histogram_of("x", column)
    assert made.total == len(column)
    assert made.missing == sum(map(math.isnan, column))
    assert len(made.edges) < BINS
    for value in column:
        assert made.cells[made.cell_of(value)] > 0
    assert sum(made.shares) == pytest.approx(1.0 if column else 0.0)


def test_histogram_of__what_many_share_is_a_bin_of_its_own() -> None:
    made = histogram_of("x", [0.0] * 80 + [float(n) for n in range(1, 21)])
    assert made.edges[0] == 0.0
    assert made.counts[0] == 80
    assert made.cell_of(0.0) == 0
    assert made.cell_of(0.5) == 1


def test_histogram_of__a_constant_has_a_bin_for_what_was_never_seen() -> None:
    made = histogram_of("x", [3.0] * 10)
    assert made.counts == (10, 0)
    assert made.cell_of(4.0) == 1
    assert made.cell_of(math.nan) == 2


def test_histogram_of__even_values_fill_even_bins() -> None:
    made = histogram_of("x", [float(n) for n in range(1000)])
    assert len(made.counts) == BINS
    assert max(made.counts) - min(made.counts) <= 2


def test_histogram_of__scores_have_the_edges_of_the_tiers() -> None:
    made = histogram_of(SCORE, [30.0, 31.0, 60.0, 61.0, 80.0, 81.0, 100.0])
    assert made.edges == SCORE_EDGES
    for edge in (30, 60, 80):
        assert made.cell_of(edge) != made.cell_of(edge + 1)


def test_layer_columns__a_missing_layer_is_not_measured() -> None:
    made = reference_of(layer_columns([("metadata", "behaviour"), ("metadata",)]))
    missing = {one.name: one.missing for one in made.histograms}
    assert missing == {
        "layer.metadata": 0,
        "layer.behaviour": 1,
        "layer.provenance": 2,
        "layer.reputation": 2,
    }


def test_reference_of__columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueInvalid):
        reference_of({"a": [1.0], "b": [1.0, 2.0]})
    assert reference_of({}).rows == 0


@given(
    st.dictionaries(
        st.text(max_size=10).filter(lambda name: name != SCORE),
        st.lists(st.floats(width=32), min_size=7, max_size=7),
        max_size=5,
    )
)
def test_reference__is_written_the_same_and_reads_back(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[float]]
) -> None:
    made = reference_of(columns, model="trust")
    path = tmp_path_factory.mktemp("reference") / "r.json"
    write_reference(made, path)
    first = path.read_bytes()
    assert read_reference(path) == made
    write_reference(reference_of(dict(reversed(columns.items())), model="trust"), path)
    assert path.read_bytes() == first


def broken(**changes: Any) -> dict[str, Any]:
    column = {"name": "x", "edges": [1.0], "counts": [1, 1], "missing": 0}
    return {
        "schema_version": 1,
        "model": "m",
        "rows": 2,
        "histograms": [column | changes.pop("column", {})],
    } | changes


@pytest.mark.parametrize(
    "value",
    [
        broken(column={"counts": [1]}),
        broken(column={"counts": [-1, 3]}),
        broken(column={"missing": -1}),
        broken(column={"edges": [2.0, 1.0], "counts": [1, 1, 0]}),
        broken(column={"edges": [1.0, 1.0], "counts": [1, 1, 0]}),
        broken(column={"name": SCORE}),
        broken(rows=3),
        broken(schema_version=2),
        broken(histograms=[]) | {"histograms": 1},
        broken(histograms=[{"name": "x", "edges": [], "counts": [2]}] * 2),
        [],
    ],
)
def test_read_reference__refuses_what_does_not_fit(tmp_path: Path, value: object) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ValueInvalid) as caught:
        read_reference(path)
    assert str(path) in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b" " * (REFERENCE_BYTES_MAX + 1)])
def test_read_reference__refuses_what_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    with pytest.raises(ValueInvalid):
        read_reference(path)
    with pytest.raises(ValueInvalid):
        read_reference(tmp_path / "none.json")


def test_histogram__of_an_infinite_edge_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Histogram(name="x", edges=(math.inf,), counts=(0, 0))


def test_reference__that_is_sound_reads(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(broken()))
    assert read_reference(path) == Reference(
        model="m",
        rows=2,
        histograms=(Histogram(name="x", edges=(1.0,), counts=(1, 1)),),
    )
