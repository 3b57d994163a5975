"""Rules by licence: `licences = ["AGPL-*"]`, `licences_outside = ["MIT", "BSD-*", "Apache-2.0"]`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policies.case import Case
from policies.licences import names_any, satisfied
from policies.reading import Table
from policies.rules.condition import Match

LICENCES_MAX = 500
"""Licences in one rule; SPDX lists some 700."""
PATTERN_CHARS_MAX = 100
LICENCE_SIGNAL = "metadata.licence"
"""What reading the archive found stated; older evidence does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLicence:
    """The stated licence names one of `any_of`; or it asks for one that is not of `outside`."""

    any_of: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    def matches(self, case: Case) -> Match:
        """Whether it does; unknown where none is stated, or words that may mean any."""
        stated = case.evidence.signal(LICENCE_SIGNAL) if case.evidence else None
        if not isinstance(stated, str) or not stated:
            return Match.UNKNOWN
        asked = []
        if self.any_of:
            asked.append(names_any(stated, self.any_of))
        if self.outside:
            within = satisfied(stated, self.outside)
            asked.append(None if within is None else not within)
        if False in asked:
            return Match.NO
        return Match.UNKNOWN if None in asked else Match.YES

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - evidence does not end
        """Never."""
        return None


def read(table: Table) -> ByLicence | None:
    """The condition that `table` states, if any."""
    found = {key: table.strings(key, LICENCES_MAX) for key in ("licences", "licences_outside")}
    for key, patterns in found.items():
        for pattern in patterns:
            if not pattern.strip("* ") or len(pattern) > PATTERN_CHARS_MAX:
                table.note(key, f"holds {pattern!r:.60}, which is not a licence or pattern")
    if not any(found.values()):
        return None
    return ByLicence(any_of=found["licences"], outside=found["licences_outside"])
