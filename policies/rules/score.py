"""Rules by score: `tiers = ["monitor"]`, `score_below = 50`, `score_at_least = 90`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.decision import TrustTier
from models.trust.numbers import SCORE_MAX
from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class ByScore:
    """The score's band is one of `tiers` (any, if empty), and it lies in `at_least` <= score < `below`."""

    tiers: tuple[TrustTier, ...] = ()
    at_least: int = 0
    below: int = SCORE_MAX + 1

    def matches(self, case: Case) -> Match:
        """Whether it does; unknown while there is no score."""
        if case.score is None:
            return Match.UNKNOWN
        score = case.score
        banded = not self.tiers or score.tier in self.tiers
        return Match.of(matches=banded and self.at_least <= score.value < self.below)

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - a score is derived anew
        """Never."""
        return None


def read(table: Table) -> ByScore | None:
    """The condition that `table` states, if any."""
    keys = ("tiers", "score_below", "score_at_least")
    stated = any(table.has(key) for key in keys)
    options = [tier.value.lower() for tier in TrustTier]
    tiers = table.choices("tiers", options) if table.has("tiers") else ()
    table.mention(*keys)
    at_least = (
        table.integer("score_at_least", 0, SCORE_MAX, 0) if table.has("score_at_least") else 0
    )
    below = (
        table.integer("score_below", 1, SCORE_MAX, SCORE_MAX)
        if table.has("score_below")
        else SCORE_MAX + 1
    )
    if table.has("tiers") and not tiers:
        table.note("tiers", "names no tier, and would never match")
    if at_least >= below:
        table.note("score_below", f"({below}) is not above score_at_least ({at_least})")
    if not stated:
        return None
    return ByScore(
        tiers=tuple(TrustTier(word.upper()) for word in tiers), at_least=at_least, below=below
    )
