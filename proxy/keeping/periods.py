"""How long each kind of history stays, as set, and the moments that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.settings import Settings
from proxy.store.keeping_port import Keepable

ORPHANED = timedelta(days=1)
"""How long a blob that nothing names is left: it is put seconds before what names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Days that each kind stays; 0: for ever."""

    fetches_days: int = 0
    evidence_days: int = 0
    """Facts too: decisions rest on both."""
    traces_days: int = 0
    decisions_days: int = 0
    pages_days: int = 0
    audit_days: int = 0

    def cutoffs(self, now: datetime) -> tuple[tuple[Keepable, datetime], ...]:
        """What goes, in order, and from before which moment."""
        days = {
            Keepable.FETCHES: self.fetches_days,
            Keepable.DECISIONS: self._decisions_days(),
            Keepable.EVIDENCE: self.evidence_days,
            Keepable.FACTS: self.evidence_days,
            Keepable.TRACES: self.traces_days,
            Keepable.PAGES: self.pages_days,
        }
        found = {what: now - timedelta(days=number) for what, number in days.items() if number}
        found[Keepable.ORPHANS] = now - ORPHANED
        return tuple((what, found[what]) for what in Keepable if what in found)

    def audit_before(self, now: datetime) -> datetime | None:
        """Audit rows from before this moment are archived; None: all stay in the store."""
        return now - timedelta(days=self.audit_days) if self.audit_days else None

    def _decisions_days(self) -> int:
        """A fetch record names its decision, which therefore stays as long as the record."""
        if not self.fetches_days:
            return 0
        return self.decisions_days and max(self.decisions_days, self.fetches_days)


def periods_of(settings: Settings) -> Periods:
    """The periods that the operator set."""
    return Periods(
        fetches_days=settings.keep_fetches_days,
        evidence_days=settings.keep_evidence_days,
        traces_days=settings.keep_traces_days,
        decisions_days=settings.keep_decisions_days,
        pages_days=settings.keep_pages_days,
        audit_days=settings.keep_audit_days,
    )
