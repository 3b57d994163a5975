"""Rules by age: `release_younger_than_hours = 72`, `project_younger_than_days = 30`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match

AGE_HOURS_MAX = 24 * 365
"""Hours of the longest age that a policy may ask for: a year."""
AGE_DAYS_MAX = 3650
"""Days of the longest project age that a policy may ask for: ten years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAge:
    """The file, or the project, is younger than this. Zero: not asked."""

    release_hours: int = 0
    project_days: int = 0

    def matches(self, case: Case) -> Match:
        """Whether all that is asked is younger; an unknown time is unknown."""
        limits = self._limits(case)
        if any(limit is not None and case.as_of >= limit for limit in limits):
            return Match.NO
        return Match.UNKNOWN if any(limit is None for limit in limits) else Match.YES

    def ends_at(self, case: Case) -> datetime | None:
        """When the first of the asked ages is reached."""
        return min((limit for limit in self._limits(case) if limit is not None), default=None)

    def _limits(self, case: Case) -> tuple[datetime | None, ...]:
        return reached_at(case, release_hours=self.release_hours, project_days=self.project_days)


def reached_at(case: Case, *, release_hours: int, project_days: int) -> tuple[datetime | None, ...]:
    """When each age that is asked for (zero: not) is reached; None where the time is not known."""
    facts = case.facts
    moments = []
    if release_hours:
        begun = facts.upload_time if facts else None
        moments.append(begun and begun + timedelta(hours=release_hours))
    if project_days:
        begun = facts.project_first_upload if facts else None
        moments.append(begun and begun + timedelta(days=project_days))
    return tuple(moments)


def read(table: Table) -> ByAge | None:
    """The condition that `table` states, if any."""
    hours, days = "release_younger_than_hours", "project_younger_than_days"
    stated = table.has(hours) or table.has(days)
    condition = ByAge(
        release_hours=table.integer(hours, 1, AGE_HOURS_MAX, 1) if table.has(hours) else 0,
        project_days=table.integer(days, 1, AGE_DAYS_MAX, 1) if table.has(days) else 0,
    )
    table.mention(hours, days)
    return condition if stated else None
