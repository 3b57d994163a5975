"""A freeze: nothing that was uploaded after a moment is served, until it ends or a person says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from models.decision import Action, Decision, HoldKind, ReasonCode, reason
from policies.case import Case
from policies.reading import Table
from policies.verdict import Verdict, facts_retry

MOMENT = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Aware times, UTC."""

    uploaded_after: datetime
    until: datetime

    def may_hold(self, served: Decision, as_of: datetime) -> bool:
        """Whether a decision that knew nothing of the freeze may be about a file that it holds.

        What was decided at its beginning or before had been uploaded by then; an override goes
        above a freeze.
        """
        return as_of < self.until and not served.override_id and served.as_of > self.uploaded_after

    def applied(self, case: Case, verdict: Verdict) -> Verdict:
        """`verdict`, or the hold of what it would serve; what has no known upload time is held too."""
        if verdict.action is not Action.SERVE or case.as_of >= self.until:
            return verdict
        uploaded = case.facts.upload_time if case.facts else None
        if uploaded is not None and uploaded <= self.uploaded_after:
            return verdict
        stated = reason(
            ReasonCode.FREEZE,
            since=self.uploaded_after.strftime(MOMENT),
            until=self.until.strftime(MOMENT),
        )
        again = facts_retry(case) if uploaded is None else None
        return replace(
            verdict,
            action=Action.HOLD,
            hold=HoldKind.AGE,
            reasons=(stated, *verdict.reasons),
            expires_at=min(filter(None, (self.until, again))),
        )


def read(table: Table) -> Freeze | None:
    """The freeze that `table` states, if any; both moments must be stated."""
    after, until = table.moment("uploaded_after"), table.moment("until")
    stated = table.has("uploaded_after") or table.has("until")
    for key, moment in (("uploaded_after", after), ("until", until)):
        if stated and moment is None and not table.has(key):
            table.note(key, "is missing", "a freeze has a beginning and an end")
    if after is None or until is None:
        return None
    if until <= after:
        table.note("until", "does not lie after uploaded_after")
        return None
    return Freeze(uploaded_after=after, until=until)
