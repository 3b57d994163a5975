"""Rules by age, the other side: `release_older_than_hours = 72`, `project_older_than_days = 365`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policies.case import Case
from policies.reading import Table
from policies.rules.age import AGE_DAYS_MAX, AGE_HOURS_MAX, reached_at
from policies.rules.condition import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class ByOldness:
    """The file, and the project, is at least this old. Zero: not asked."""

    release_hours: int = 0
    project_days: int = 0

    def matches(self, case: Case) -> Match:
        """Whether all that is asked is old enough; an unknown time is unknown."""
        reached = reached_at(case, release_hours=self.release_hours, project_days=self.project_days)
        if any(moment is not None and case.as_of < moment for moment in reached):
            return Match.NO
        return Match.UNKNOWN if any(moment is None for moment in reached) else Match.YES

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - what is old stays so
        """Never."""
        return None


def read(table: Table) -> ByOldness | None:
    """The condition that `table` states, if any."""
    hours, days = "release_older_than_hours", "project_older_than_days"
    stated = table.has(hours) or table.has(days)
    condition = ByOldness(
        release_hours=table.integer(hours, 1, AGE_HOURS_MAX, 1) if table.has(hours) else 0,
        project_days=table.integer(days, 1, AGE_DAYS_MAX, 1) if table.has(days) else 0,
    )
    table.mention(hours, days)
    return condition if stated else None
