"""Rules by advisories: `advisories = ["vulnerable"]`, `advisory_ids = ["PYSEC-2026-1"]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from models.facts import SourceState
from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match

SOURCE = "advisories"
"""The source's name in facts."""
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "malicious": "known-malicious",
        "malicious-range": "malicious-range",
        "malicious-sibling": "malicious-sibling",
        "vulnerable": "known-vulnerable",
    }
)
"""Word of a policy → id of the finding that facts state."""
STATED_MAX = 20
"""Findings of one kind that facts state at most; of more, others may be meant."""
IDS_MAX = 1_000
"""Ids in one rule."""
_ID = re.compile(r"[A-Za-z]{2,8}-[A-Za-z0-9-]{1,36}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAdvisory:
    """A record in force is of one of `kinds`, and bears one of `ids`; empty: any."""

    kinds: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def matches(self, case: Case) -> Match:
        """Whether there is one; unknown where no feed could be asked."""
        if case.facts is None:
            return Match.UNKNOWN
        wanted = {KINDS[kind] for kind in self.kinds or KINDS}
        found = [one for one in case.facts.findings if one.id in wanted]
        if any(not self.ids or one.what.upper() in self.ids for one in found):
            return Match.YES
        source = case.facts.source(SOURCE)
        if source is None or source.state in (SourceState.MISSING, SourceState.OFF):
            return Match.UNKNOWN
        cut = any(sum(one.id == id_ for one in found) >= STATED_MAX for id_ in wanted)
        return Match.UNKNOWN if cut else Match.NO

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - what changes is judged anew
        """Never: a record that comes or goes makes its files judged again."""
        return None


def read(table: Table) -> ByAdvisory | None:
    """The condition that `table` states, if any."""
    kinds = table.choices("advisories", tuple(KINDS)) if table.has("advisories") else ()
    table.mention("advisories")
    ids = table.strings("advisory_ids", IDS_MAX)
    if table.has("advisories") and not kinds:
        table.note("advisories", "names no kind, and would never match")
    for one in ids:
        if not _ID.match(one):
            table.note(
                "advisory_ids", f"holds {one!r:.60}, which is not an id such as PYSEC-2026-1"
            )
    if not kinds and not ids:
        return None
    return ByAdvisory(kinds=kinds, ids=tuple(one.upper() for one in ids))
