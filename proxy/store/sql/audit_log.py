"""The audit table as two lists in one: pages from either end."""

from __future__ import annotations

from datetime import datetime

from proxy.store.audit_port import AuditLog
from proxy.store.bounds import row_limit
from proxy.store.codec import micros_or_none
from proxy.store.port import AuditRow
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import audit_of

# The comparison stands in the text, and not in a parameter, so that a partial index may serve it.
_OF = {
    AuditLog.ALL: "",
    AuditLog.DECISIONS: "AND action = 'decision_made'",
    AuditLog.ADMIN: "AND action <> 'decision_made'",
}
AFTER = {
    log: f"""
SELECT * FROM audit WHERE number > :after {of}
  AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)
ORDER BY number LIMIT :limit
"""  # noqa: S608 -- our own words
    for log, of in _OF.items()
}
BEFORE = {
    log: f"SELECT * FROM audit WHERE number < :before {of} ORDER BY number DESC LIMIT :limit"  # noqa: S608
    for log, of in _OF.items()
}
NEWEST = 2**63 - 1
"""Above every number."""


def after(
    session: Session,
    log: AuditLog,
    *,
    number: int,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> tuple[AuditRow, ...]:
    """Rows above a number, oldest first."""
    params = {
        "after": number,
        "since": micros_or_none(since),
        "until": micros_or_none(until),
        "limit": row_limit(limit),
    }
    return tuple(audit_of(row) for row in session.rows(AFTER[log], params))


def before(session: Session, log: AuditLog, *, number: int, limit: int) -> tuple[AuditRow, ...]:
    """Rows below a number, newest first."""
    params = {
        "before": number if 0 < number < NEWEST else NEWEST,
        "limit": row_limit(limit),
    }
    return tuple(audit_of(row) for row in session.rows(BEFORE[log], params))
