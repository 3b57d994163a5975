"""Policies that were put in force."""

from __future__ import annotations

from typing import Any

from models.canonical import Digest
from proxy.store.bounds import row_limit
from proxy.store.checks import check_policy_document
from proxy.store.codec import micros, moment
from proxy.store.details import policy_detail
from proxy.store.policy_port import Announcing, PolicyDocument
from proxy.store.sql import audit
from proxy.store.sql import telling as outbox
from proxy.store.sql.connection import Row, Session

KNOWN = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'policy_documents'"
NEWEST = "SELECT * FROM policy_documents ORDER BY number DESC LIMIT 1"
PAGE = """
SELECT * FROM policy_documents WHERE :before IS NULL OR number < :before
ORDER BY number DESC LIMIT :limit
"""
INSERT = """
INSERT INTO policy_documents (digest, text, actor, comment, at)
VALUES (:digest, :text, :actor, :comment, :at)
"""


def put(
    session: Session,
    digest: Digest,
    text: str,
    *,
    actor: str,
    comment: str,
    expected: int,
    telling: Announcing,
) -> PolicyDocument:
    """Put a policy in force, and tell. Raises StoreConflict, StoreError."""
    newest = find(session)
    check_policy_document(text, comment, newest.number if newest else 0, expected)
    at = session.clock()
    values: dict[str, Any] = {"digest": digest, "text": text, "actor": actor, "comment": comment}
    session.run(INSERT, values | {"at": micros(at)})
    made = find(session)
    assert made is not None  # noqa: S101 - it was written a line above
    audit.append(
        session,
        actor=actor,
        action="policy_set",
        subject=str(made.number),
        detail=policy_detail(digest, comment),
    )
    outbox.tell_all(session, telling(made))
    return made


def find(session: Session) -> PolicyDocument | None:
    """The newest; None too where the store is older than the table, and only looked at."""
    if session.row(KNOWN) is None:
        return None
    row = session.row(NEWEST)
    return None if row is None else _document(row)


def page(session: Session, *, before: int | None, limit: int) -> tuple[PolicyDocument, ...]:
    """The newest first; none where the store is older than the table, and only looked at."""
    if session.row(KNOWN) is None:
        return ()
    rows = session.rows(PAGE, {"before": before, "limit": row_limit(limit)})
    return tuple(map(_document, rows))


def _document(row: Row) -> PolicyDocument:
    return PolicyDocument(
        number=row["number"],
        digest=Digest(row["digest"]),
        text=row["text"],
        actor=row["actor"],
        comment=row["comment"],
        at=moment(row["at"]),
    )
