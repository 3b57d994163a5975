"""Drift: how far what comes in now has moved from what a model was trained on. Pure.

The measure is the population stability index, PSI = Σ (now - then) · ln(now / then) over the bins of
a column; what was not measured is a bin of its own, so that a layer that fails shows as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.trust.reference import LAYER_PREFIX, SCORE, Histogram, Reference

WATCH_PSI = 0.1
"""Below it little has changed."""
MOVED_PSI = 0.25
"""From here on the population is another one. Both are a practitioners' rule of thumb and no test
(Lewis, An Introduction to Credit Scoring, 1994; Siddiqi, Credit Risk Scorecards, 2006)."""
NORMAL_95 = 1.645
"""The one-sided 95 % point of the normal distribution."""
ROWS_MIN = 30
"""Rows without which nothing is said."""
PSEUDO_COUNT = 0.5
"""Added to every cell, so that an empty one has a logarithm."""
PREFIX = "pratique_"
"""What the names of all gauges begin with."""


class Level(StrEnum):
    """What a PSI means."""

    STEADY = "steady"
    WATCH = "watch"
    MOVED = "moved"
    TOO_FEW = "too-few"
    """Too few rows on one side to say anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column, then and now."""

    name: str
    psi: float
    noise: float
    """The PSI that chance alone stays below 95 times of 100, with so many rows and bins."""
    level: Level
    missing_then: float
    """Share of rows that were not measured, 0 to 1."""
    missing_now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """All columns, the most drifted first."""

    model: str
    rows_then: int
    rows_now: int
    features: tuple[ColumnDrift, ...]
    score: ColumnDrift | None
    layers: tuple[ColumnDrift, ...]
    """By layer; `missing_now` is its missing rate."""
    score_now: tuple[int, ...]
    """Scores now, in the bins of the reference's score."""
    score_then: tuple[int, ...]

    @property
    def columns(self) -> tuple[ColumnDrift, ...]:
        """Features, score and layers."""
        return (*self.features, *((self.score,) if self.score else ()), *self.layers)

    def at(self, level: Level) -> tuple[ColumnDrift, ...]:
        """The columns of a level."""
        return tuple(column for column in self.columns if column.level is level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One measured value for whoever scrapes it."""

    name: str
    value: float
    help: str
    labels: tuple[tuple[str, str], ...] = ()


class Tally:
    """Counts rows into a reference's bins; its memory does not grow with them."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._cells = {one.name: [0] * len(one.cells) for one in reference.histograms}
        self.rows = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Count one row. A column that is not there was not measured; others are left out."""
        self.rows += 1
        for histogram in self._reference.histograms:
            cell = histogram.cell_of(values.get(histogram.name, math.nan))
            self._cells[histogram.name][cell] += 1

    def report(self) -> DriftReport:
        """What has moved."""
        drifts = {
            one.name: _column(one, tuple(self._cells[one.name]))
            for one in self._reference.histograms
        }
        layers = {name: one for name, one in drifts.items() if name.startswith(LAYER_PREFIX)}
        features = [one for name, one in drifts.items() if name not in layers and name != SCORE]
        then = next((one for one in self._reference.histograms if one.name == SCORE), None)
        return DriftReport(
            model=self._reference.model,
            rows_then=self._reference.rows,
            rows_now=self.rows,
            features=tuple(sorted(features, key=lambda one: (-one.psi, one.name))),
            score=drifts.get(SCORE),
            layers=tuple(layers[name] for name in sorted(layers)),
            score_now=tuple(self._cells[SCORE]) if then else (),
            score_then=then.cells if then else (),
        )


def psi(then: Iterable[int], now: Iterable[int]) -> float:
    """The population stability index of two histograms with the same cells; 0 where either is empty."""
    pairs = [(a, b) for a, b in zip(then, now, strict=True) if a or b]
    total_then, total_now = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not total_then or not total_now:
        return 0.0
    room = PSEUDO_COUNT * len(pairs)
    shares = [
        ((a + PSEUDO_COUNT) / (total_then + room), (b + PSEUDO_COUNT) / (total_now + room))
        for a, b in pairs
    ]
    return math.fsum((q - p) * math.log(q / p) for p, q in shares)


def noise(cells: int, rows_then: int, rows_now: int) -> float:
    """The PSI that chance stays below 95 times of 100 where nothing has moved.

    It is about (1/n + 1/m) times a χ² of `cells` - 1 degrees of freedom (Yurdakul and Naranjo,
    Statistical properties of the population stability index, 2020), here by its normal form.
    """
    if not rows_then or not rows_now:
        return math.inf
    freedom = max(cells - 1, 0)
    return (1 / rows_then + 1 / rows_now) * (freedom + NORMAL_95 * math.sqrt(2 * freedom))


def level_of(measured: float, chance: float, *, rows: int) -> Level:
    """What a PSI means: the rule of thumb, but never what chance explains.

    `rows` are those of the smaller side.
    """
    if rows < ROWS_MIN:
        return Level.TOO_FEW
    if measured < WATCH_PSI or measured <= chance:
        return Level.STEADY
    return Level.MOVED if measured >= MOVED_PSI else Level.WATCH


def gauges(report: DriftReport) -> tuple[Gauge, ...]:
    """The report as gauges; the names are stable."""
    rows = Gauge(
        name=f"{PREFIX}drift_rows", value=report.rows_now, help="Recent files that were compared."
    )
    levels = [
        Gauge(
            name=f"{PREFIX}drift_columns",
            value=len(report.at(level)),
            help="Columns by how far they moved from the reference.",
            labels=(("level", level.value),),
        )
        for level in Level
    ]
    columns = [
        Gauge(
            name=f"{PREFIX}drift_psi",
            value=column.psi,
            help="Population stability index against the reference; 0.1 is to watch, 0.25 has moved.",
            labels=(("column", column.name),),
        )
        for column in report.columns
    ]
    layers = [
        Gauge(
            name=f"{PREFIX}layer_missing_ratio",
            value=column.missing_now,
            help="Share of recent files whose layer could not be measured.",
            labels=(("layer", column.name.removeprefix(LAYER_PREFIX)),),
        )
        for column in report.layers
    ]
    return (rows, *levels, *columns, *layers)


def exposition(rows: Iterable[Gauge]) -> str:
    """Gauges in Prometheus' text format 0.0.4, for the textfile collector of its node exporter."""
    lines: list[str] = []
    told = ""
    for gauge in rows:
        if gauge.name != told:
            told = gauge.name
            lines += [f"# HELP {gauge.name} {_escaped(gauge.help)}", f"# TYPE {gauge.name} gauge"]
        labels = ",".join(f'{key}="{_label(value)}"' for key, value in gauge.labels)
        lines.append(f"{gauge.name}{'{' + labels + '}' if labels else ''} {gauge.value:.6g}")
    return "".join(f"{line}\n" for line in lines)


def _column(then: Histogram, now: tuple[int, ...]) -> ColumnDrift:
    measured, rows = psi(then.cells, now), sum(now)
    used = sum(1 for a, b in zip(then.cells, now, strict=True) if a or b)
    chance = noise(used, then.total, rows)
    return ColumnDrift(
        name=then.name,
        psi=measured,
        noise=chance,
        level=level_of(measured, chance, rows=min(rows, then.total)),
        missing_then=then.shares[-1],
        missing_now=now[-1] / rows if rows else 0.0,
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
