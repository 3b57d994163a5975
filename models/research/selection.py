"""Which features are worth learning from: the thesis' selection by Pearson correlation and importance. Pure.

What falls out, in this order: what nobody measured, what is the same in every row, what matters too
little, and of two that say the same, the one that matters less. Every feature is told with its
reason, so that a command can show what fell out and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from models.errors import ValueInvalid
from models.research.rows import Table

CORRELATION_MAX = 0.95
"""|r| from which two features say the same."""
IMPORTANCE_MIN = 0.0
"""Importance up to which a feature is not worth its column; 0: it was never split on."""
PAIRED_MIN = 30
"""Rows that must have both of two features, before a correlation of theirs means anything."""

_Matrix = npt.NDArray[np.float64]


class Why(StrEnum):
    """What was decided about a feature."""

    KEPT = "kept"
    NOT_MEASURED = "not measured"
    """NaN in every row."""
    CONSTANT = "constant"
    """The same in every row that has it."""
    UNIMPORTANT = "unimportant"
    CORRELATED = "correlated"
    """Another one that is kept says the same, and matters more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What became of one feature."""

    name: str
    why: Why
    importance: float
    other: str = ""
    """Of the kept features that matter more, the one that it correlates with most."""
    r: float = 0.0
    """Pearson's coefficient with that one; 0 where there is none."""

    @property
    def kept(self) -> bool:
        """Whether it is to be learned from."""
        return self.why is Why.KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All features in the order of the table, with the bounds they were held to."""

    choices: tuple[Choice, ...]
    correlation_max: float
    importance_min: float

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of what is kept, in the order of the table."""
        return tuple(choice.name for choice in self.choices if choice.kept)


def select(
    table: Table,
    importance: Mapping[str, float],
    *,
    correlation_max: float = CORRELATION_MAX,
    importance_min: float = IMPORTANCE_MIN,
) -> Selection:
    """Decide about every feature of `table`. `importance`: by name, such as LightGBM's gain.

    Raises ValueInvalid where a feature has no importance, or a bound makes no sense.
    """
    missing = [name for name in table.features if name not in importance]
    if missing:
        raise ValueInvalid(f"No importance is given for {', '.join(missing[:5])}.")
    if not 0.0 < correlation_max <= 1.0:
        raise ValueInvalid(f"A bound on |r| lies above 0 and up to 1, not at {correlation_max}.")
    values = np.array([row.values for row in table.rows], dtype=np.float64)
    values = values.reshape(len(table.rows), len(table.features))
    fallen = _fallen(table.features, values, importance, importance_min)
    correlations = correlations_of(values)
    order = sorted(
        (at for at in range(len(table.features)) if at not in fallen),
        key=lambda at: (-importance[table.features[at]], at),
    )
    kept: list[int] = []
    nearest: dict[int, int] = {}
    for at in order:
        if kept:
            best = max(kept, key=lambda other: (abs(correlations[at, other]), -other))
            nearest[at] = best
            if abs(correlations[at, best]) >= correlation_max:
                fallen[at] = Why.CORRELATED
                continue
        kept.append(at)
    return Selection(
        choices=tuple(
            _choice(table.features, at, fallen, nearest, correlations, importance)
            for at in range(len(table.features))
        ),
        correlation_max=correlation_max,
        importance_min=importance_min,
    )


def correlations_of(values: _Matrix) -> _Matrix:
    """Pearson's r of every two columns, over the rows that have both; 0 where it is not defined.

    It is not where fewer than PAIRED_MIN rows have both, or one does not vary in those.
    """
    there = ~np.isnan(values)
    has = there.astype(np.float64)
    filled = np.where(there, values, 0.0)
    # Centred and scaled first: byte counts in billions would swallow what flags say.
    counts = np.maximum(has.sum(axis=0), 1.0)
    filled = np.where(there, filled - filled.sum(axis=0) / counts, 0.0)
    scale = np.sqrt((filled**2).sum(axis=0) / counts)
    filled = filled / np.where(scale > 0.0, scale, 1.0)
    paired = has.T @ has
    sums = filled.T @ has
    squares = (filled**2).T @ has
    size = np.maximum(paired, 1.0)
    covariance = filled.T @ filled - sums * sums.T / size
    spread = np.maximum(squares - sums**2 / size, 0.0)
    product = np.sqrt(spread * spread.T)
    defined = (paired >= PAIRED_MIN) & (product > 1e-9 * size)
    ratio = np.divide(covariance, product, out=np.zeros_like(covariance), where=defined)
    bounded: _Matrix = np.clip(ratio, -1.0, 1.0)
    return bounded


def _fallen(
    names: tuple[str, ...], values: _Matrix, importance: Mapping[str, float], least: float
) -> dict[int, Why]:
    fallen = {}
    for at, name in enumerate(names):
        column = values[:, at]
        column = column[~np.isnan(column)]
        if not column.size:
            fallen[at] = Why.NOT_MEASURED
        elif (column == column[0]).all():
            fallen[at] = Why.CONSTANT
        elif importance[name] <= least:
            fallen[at] = Why.UNIMPORTANT
    return fallen


def _choice(
    names: tuple[str, ...],
    at: int,
    fallen: Mapping[int, Why],
    nearest: Mapping[int, int],
    correlations: _Matrix,
    importance: Mapping[str, float],
) -> Choice:
    other = nearest.get(at)
    return Choice(
        name=names[at],
        why=fallen.get(at, Why.KEPT),
        importance=float(importance[names[at]]),
        other="" if other is None else names[other],
        r=0.0 if other is None else float(correlations[at, other]),
    )


def selection_lines(selection: Selection) -> Iterator[str]:
    """The selection as a table in plain text: what fell out first by reason, then what is kept."""
    order = [*list(Why)[1:], Why.KEPT]
    choices = sorted(
        selection.choices,
        key=lambda choice: (order.index(choice.why), -choice.importance, choice.name),
    )
    yield (
        f"{len(selection.kept)} of {len(choices)} features are kept "
        f"(|r| below {selection.correlation_max:g}, importance above {selection.importance_min:g})."
    )
    width = max((len(choice.name) for choice in choices), default=0)
    yield f"{'feature':{width}}  {'decided':12}  {'importance':>12}  {'r':>6}  with"
    for choice in choices:
        r = f"{choice.r:6.3f}" if choice.other else " " * 6
        line = f"{choice.name:{width}}  {choice.why.value:12}  {choice.importance:12.4g}  {r}"
        yield f"{line}  {choice.other}".rstrip()
