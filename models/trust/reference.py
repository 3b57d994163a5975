"""What a model's training data looked like: a histogram of each column, kept beside the model as JSON."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from models.errors import ValueInvalid
from models.evidence import Layer

REFERENCE_SCHEMA_VERSION = 1
BINS = 10
"""Bins of a column at most, of about equal weight; ten are the habit of the index that reads them
(Siddiqi, Credit Risk Scorecards, 2006)."""
COLUMNS_MAX = 2_000
"""Columns of one reference; a feature catalogue has a few hundred."""
REFERENCE_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one file; 2,000 columns of ten bins have less than one."""
SCORE = "trust_score"
"""The column of the score, 0 to 100; its edges are fixed, so that those of the tiers are among them."""
SCORE_EDGES = tuple(float(edge) for edge in range(10, 100, 10))
LAYER_PREFIX = "layer."
"""`layer.behaviour` and its like: 1 where the layer was measured, NaN where it was missing."""

_NEXT_STEP = "Make it again from the model's training data, or name another file."


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One column: how many values lay in each bin, and how many were not measured (NaN).

    Bin 0 holds what is at most `edges[0]`, the last one what is above the last edge.
    """

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not fit; from JSON that is a ValueInvalid."""
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{self.name}: {len(self.edges)} edges make other bins than these")
        if not all(map(math.isfinite, self.edges)) or any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError(f"{self.name}: edges must be finite, and rise")
        if self.missing < 0 or min(self.counts) < 0:
            raise ValueError(f"{self.name}: a count is negative")

    @property
    def total(self) -> int:
        """Rows, those not measured too."""
        return sum(self.counts) + self.missing

    @property
    def cells(self) -> tuple[int, ...]:
        """The bins, and behind them what was not measured."""
        return (*self.counts, self.missing)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each cell, 0 to 1; all 0 where there is no row."""
        total = self.total
        return tuple(cell / total if total else 0.0 for cell in self.cells)

    def cell_of(self, value: float) -> int:
        """Which of `cells` a value belongs to."""
        return len(self.counts) if math.isnan(value) else bisect_left(self.edges, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The histograms of all columns, by name."""

    schema_version: int = REFERENCE_SCHEMA_VERSION
    model: str
    """The name of the model that was trained on it; empty: none was."""
    rows: int
    histograms: tuple[Histogram, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not fit; from JSON that is a ValueInvalid."""
        names = [histogram.name for histogram in self.histograms]
        if len(set(names)) != len(names) or len(names) > COLUMNS_MAX:
            raise ValueError(f"columns must have names of their own, and be {COLUMNS_MAX} at most")
        for histogram in self.histograms:
            if histogram.name == SCORE and histogram.edges != SCORE_EDGES:
                raise ValueError(f"{SCORE} must have the edges {SCORE_EDGES}")
            if histogram.total != self.rows:
                raise ValueError(f"{histogram.name} counts other rows than the {self.rows} stated")


def reference_of(columns: Mapping[str, Sequence[float]], *, model: str = "") -> Reference:
    """The reference of a table by columns, all of one length; NaN: not measured.

    Give it what deployment is expected to see (benign rows with every layer that was measured for
    real), not a training mixture in which layers were dropped on purpose. `trust_score` and
    `layer.<name>` are columns as well (SCORE, LAYER_PREFIX). Raises ValueInvalid where columns have
    different lengths.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueInvalid("The columns of a reference must be of one length.")
    return Reference(
        model=model,
        rows=next(iter(lengths), 0),
        histograms=tuple(histogram_of(name, columns[name]) for name in sorted(columns)),
    )


def histogram_of(name: str, values: Sequence[float]) -> Histogram:
    """One column in bins of about equal weight; a column that never changes has two."""
    edges = SCORE_EDGES if name == SCORE else _edges(values)
    empty = Histogram(name=name, edges=edges, counts=(0,) * (len(edges) + 1))
    cells = [0] * len(empty.cells)
    for value in values:
        cells[empty.cell_of(value)] += 1
    return Histogram(name=name, edges=edges, counts=tuple(cells[:-1]), missing=cells[-1])


def layer_columns(measured: Sequence[Sequence[str]]) -> dict[str, tuple[float, ...]]:
    """The `layer.` columns of rows that each name the layers they measured (`Row.measured`)."""
    return {
        LAYER_PREFIX + layer.value: tuple(
            1.0 if layer.value in row else math.nan for row in measured
        )
        for layer in Layer
    }


def write_reference(reference: Reference, path: Path) -> None:
    """Write `path`, the same bytes for the same reference."""
    text = msgspec.json.format(msgspec.json.encode(reference, order="deterministic"), indent=1)
    path.write_bytes(text + b"\n")


def read_reference(path: Path) -> Reference:
    """Read what `write_reference` wrote. Raises ValueInvalid."""
    try:
        with path.open("rb") as file:
            data = file.read(REFERENCE_BYTES_MAX + 1)
        if len(data) > REFERENCE_BYTES_MAX:
            raise ValueError(f"it is longer than {REFERENCE_BYTES_MAX} bytes")
        reference = msgspec.json.decode(data, type=Reference)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ValueInvalid(
            f"{path} cannot be read as a reference: {error}.", next_step=_NEXT_STEP
        ) from error
    if reference.schema_version > REFERENCE_SCHEMA_VERSION:
        raise ValueInvalid(f"{path} was written by a newer Pratique.", next_step=_NEXT_STEP)
    return reference


def _edges(values: Sequence[float]) -> tuple[float, ...]:
    """The quantiles between bins, each once: what many rows share is a bin of its own."""
    ordered = sorted(value for value in values if math.isfinite(value))
    if not ordered:
        return ()
    cuts = {ordered[len(ordered) * cut // BINS] for cut in range(1, BINS)}
    return tuple(sorted(cuts))
