"""From log-odds to a score: lines between three edges, so that a tier means the same in every model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from models.errors import ValueInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """`edges` are the highest risks of the scores 81, 61 and 31, ascending, in any one unit.

    Which risks these are is chosen on held-out benign artifacts (FACTS.md section 3), at false positive
    rates that `models.research.calibration` names; beyond what those can show they are extrapolated.
    """

    edges: tuple[float, float, float]

    @classmethod
    def in_milli(cls, edges: tuple[float, float, float]) -> Scale:
        """The scale in thousandths of log-odds, from edges in log-odds."""
        first, middle, last = (round(edge * 1000) for edge in edges)
        return cls(edges=(first, middle, last))

    def __post_init__(self) -> None:
        """Raises ValueError for edges that do not ascend, or are no numbers."""
        if not all(map(math.isfinite, self.edges)) or any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError(f"the edges of a scale must ascend, unlike {self.edges}")

    def score(self, risk: float) -> int:
        """0 to 100, rounded down, never rising with `risk`. An edge belongs to the better tier.

        Beyond the outer edges the score runs out to 100 and 0 over the span of all three edges.
        Raises ValueError for NaN.
        """
        if math.isnan(risk):
            raise ValueError("a risk that is no number has no score")
        first, middle, last = self.edges
        span = last - first
        if risk <= first:
            return _between(risk, (first - span, first), (100, 81), (81, 100))
        if risk <= middle:
            return _between(risk, (first, middle), (81, 61), (61, 80))
        if risk <= last:
            return _between(risk, (middle, last), (61, 31), (31, 60))
        return _between(risk, (last, last + span), (31, 0), (0, 30))


def log_odds(share: float) -> float:
    """ln(p / (1 - p)). Raises ValueInvalid outside of 0 to 1."""
    if not 0 < share < 1:
        raise ValueInvalid(f"{share} is no share of a prior; it lies between 0 and 1.")
    return math.log(share / (1 - share))


def _between(
    risk: float, risks: tuple[float, float], scores: tuple[int, int], band: tuple[int, int]
) -> int:
    """The score of `risk` on the line between two points, cut to its band.

    Every step is one rounded operation that keeps the order, so the whole is monotone.
    """
    share = (risks[1] - risk) / (risks[1] - risks[0])
    value = scores[1] + share * (scores[0] - scores[1])
    return int(min(max(value, band[0]), band[1]))
