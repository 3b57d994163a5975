"""Whole numbers in the place of fractions, so that what is shown sums to what is decided."""

from __future__ import annotations

import math
from collections.abc import Sequence


def apportioned(values: Sequence[float], whole: int) -> list[int]:
    """Whole numbers beside `values` that sum to `whole` exactly: the largest remainders round up.

    `values` must sum to `whole` but for the last bits; each result is at most 1 away.
    """
    floors = [math.floor(value) for value in values]
    order = sorted(range(len(values)), key=lambda at: (floors[at] - values[at], at))
    missing = whole - sum(floors)
    for at in order[: max(missing, 0)]:
        floors[at] += 1
    if missing < 0:  # a sum of many floors may lie a hair above an exact whole
        floors[0] += missing
    return floors
