"""QUT-DV25's 36 features as numbers, for the comparison with DySec: one run, and no other row, decides.

The published models fitted a vectoriser over the table before they split it, so that each row's
numbers told something of all others. Here a cell that holds a text becomes a count of its own:

- transitions: changes of state in all;
- processes: different names (five at most, as the dataset has it);
- requirements: distributions that are named;
- patterns: how often the trigram was seen that stands at that rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from models.categories import Categories
from models.research.qut import FEATURES, TOP, frequencies, row_of
from models.research.qut_values import Kind, Value

PREFIX = "dysec."
NAMES: tuple[str, ...] = tuple(f"{PREFIX}{feature.name}" for feature in FEATURES)
"""Names of the vector, in the dataset's order."""
NOT_TRACED: tuple[float, ...] = (math.nan,) * len(NAMES)
"""The vector of an artifact that was not run."""

KIND_WORDS: Mapping[Kind, str] = {
    Kind.COUNT: "the count itself",
    Kind.TRANSITIONS: "changes of state in all",
    Kind.PROCESSES: "different names",
    Kind.REQUIREMENTS: "distributions that are named",
    Kind.PATTERN: "how often the trigram at that rank was seen",
}
"""Kind of column → what its number is."""


def dysec_vector(categories: Categories | None) -> tuple[float, ...]:
    """The 36 features of one run as numbers; all NaN where there is none."""
    if categories is None:
        return NOT_TRACED
    values = row_of("", categories).values
    ranked = (*_ranked(categories, tagged=False), *_ranked(categories, tagged=True))
    patterns = iter(ranked)
    return tuple(
        float(next(patterns) if feature.kind is Kind.PATTERN else _number(values[feature.name]))
        for feature in FEATURES
    )


def _ranked(categories: Categories, *, tagged: bool) -> tuple[int, ...]:
    """How often the TOP most frequent trigrams were seen; 0 where there are fewer."""
    counts = [count for _, count in frequencies(categories.patterns, tagged=tagged)[:TOP]]
    return (*counts, *(0,) * (TOP - len(counts)))


def _number(value: Value) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return len(value)
    counts = [item[1] for item in value if isinstance(item, tuple)]
    return sum(counts) if counts else len(set(value))
