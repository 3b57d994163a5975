"""The audit table: append under the write lock, read, walk."""

from __future__ import annotations

from proxy.store import chain
from proxy.store.bounds import row_limit
from proxy.store.port import AuditRow
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import anchor_of, audit_columns, audit_of

WALK_ROWS = 2_000
"""Rows that one step of a walk verifies; other work of the store goes in between."""

LAST = "SELECT * FROM audit ORDER BY number DESC LIMIT 1"
NEWEST = "SELECT * FROM audit ORDER BY number DESC LIMIT :limit"
AFTER = "SELECT * FROM audit WHERE number > :number ORDER BY number LIMIT :limit"
ANCHORED = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'audit_anchors'"
ANCHOR = "SELECT * FROM audit_anchors ORDER BY number DESC LIMIT 1"
EVER = "SELECT coalesce(max(seq), 0) AS ever FROM sqlite_sequence WHERE name = 'audit'"
INSERT = """
INSERT INTO audit (number, at, actor, action, subject, detail, previous, hash)
VALUES (:number, :at, :actor, :action, :subject, :detail, :previous, :hash)
"""


def append(session: Session, *, actor: str, action: str, subject: str, detail: str) -> None:
    """Add a row. Only within a write: the lock keeps two processes from forking the chain."""
    stored = session.row(LAST)
    row = chain.link(
        audit_of(stored) if stored else None,
        at=session.clock(),
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
    )
    session.run(INSERT, audit_columns(row))


def newest(session: Session, limit: int) -> tuple[AuditRow, ...]:
    """The newest rows, newest first."""
    return tuple(audit_of(row) for row in session.rows(NEWEST, {"limit": row_limit(limit)}))


def beginning(session: Session) -> chain.Link | None:
    """What the first row that is not archived hangs on; None: it is the first there ever was.

    None too where the store is older than archives, and only looked at.
    """
    if session.row(ANCHORED) is None:
        return None
    row = session.row(ANCHOR)
    return anchor_of(row) if row else None


def walk(session: Session, last: chain.Link | None) -> tuple[chain.Link | None, bool]:
    """The last row of the next stretch of the chain, and whether the end is reached.

    Raises StoreError for a broken row, and where rows are missing at the end.
    """
    last = last or beginning(session)
    after = {"number": last.number if last else 0, "limit": WALK_ROWS}
    rows = [audit_of(row) for row in session.rows(AFTER, after)]
    last = chain.walk(rows, last=last)
    if len(rows) == WALK_ROWS:
        return last, False
    ever = session.rows(EVER)[0]["ever"]
    length = last.number if last else 0
    if ever != length:
        raise chain.broken(length + 1, "is missing")
    return last, True
