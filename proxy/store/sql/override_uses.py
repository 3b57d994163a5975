"""Uses of overrides, out of what fetch records add up to; and the reminders that were told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.decision import Decision
from proxy.admin.events import Event
from proxy.store.bounds import row_limit
from proxy.store.codec import micros, moment, moment_or_none
from proxy.store.exceptions_port import OverrideUses, Use
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Row, Session

NOTE = """
INSERT OR IGNORE INTO override_decisions (override_id, decision_id)
VALUES (:override_id, :decision_id)
"""
DECISIONS = "SELECT count(*) AS count FROM override_decisions WHERE override_id = :id"
USES = """
SELECT requester, groups, address, fetches, first_at, last_at,
  count(*) OVER () AS clients, sum(fetches) OVER () AS in_all,
  min(first_at) OVER () AS first, max(last_at) OVER () AS last
FROM (
  SELECT h.requester, h.groups, h.address, sum(h.fetches) AS fetches,
    min(h.first_at) AS first_at, max(h.last_at) AS last_at
  FROM override_decisions o CROSS JOIN holders h ON h.decision_id = o.decision_id
  WHERE o.override_id = :id
  GROUP BY h.requester, h.groups, h.address
)
ORDER BY last_at DESC, requester, groups, address LIMIT :limit
"""
TOLD = """
SELECT 1 FROM override_reminders WHERE override_id = :override_id AND threshold_h = :threshold_h
"""
TELL = """
INSERT OR IGNORE INTO override_reminders (override_id, threshold_h, told_at)
VALUES (:override_id, :threshold_h, :told_at)
"""


def note(session: Session, decision: Decision, decision_id: str) -> None:
    """Remember which override made a decision."""
    if decision.override_id:
        session.run(NOTE, {"override_id": decision.override_id, "decision_id": decision_id})


def uses(session: Session, override_id: str, *, limit: int) -> OverrideUses:
    """Every use of an override."""
    counted = session.rows(DECISIONS, {"id": override_id})[0]["count"]
    # One row at least is asked for: the totals stand in it.
    rows = session.rows(USES, {"id": override_id, "limit": max(row_limit(limit), 1)})
    nothing: Row = {"in_all": 0, "clients": 0, "first": None, "last": None}
    first = rows[0] if rows else nothing
    return OverrideUses(
        override_id=override_id,
        decisions=counted,
        fetches=first["in_all"],
        first_at=moment_or_none(first["first"]),
        last_at=moment_or_none(first["last"]),
        clients=first["clients"],
        by=tuple(
            Use(
                requester=row["requester"],
                groups=tuple(row["groups"].split()),
                address=row["address"],
                fetches=row["fetches"],
                first_at=moment(row["first_at"]),
                last_at=moment(row["last_at"]),
            )
            for row in rows[: row_limit(limit)]
        ),
    )


def told(session: Session, override_id: str, threshold_h: int) -> bool:
    """Whether a reminder was told."""
    params = {"override_id": override_id, "threshold_h": threshold_h}
    return session.row(TOLD, params) is not None


def tell(
    session: Session,
    override_id: str,
    threshold_h: int,
    *,
    at: datetime,
    telling: Sequence[Event] = (),
) -> bool:
    """Note that it was told, and tell; False where it was before."""
    params = {"override_id": override_id, "threshold_h": threshold_h, "told_at": micros(at)}
    if session.run(TELL, params).rowcount != 1:
        return False
    outbox.tell_all(session, telling)
    return True
