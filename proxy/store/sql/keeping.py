"""Old history goes: a look over some rows, and those that nobody needs are deleted, in one transaction.

What may not go is guarded by triggers as well, which read the same table `kept_since` that is written
here (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proxy.store import chain
from proxy.store.bounds import row_limit
from proxy.store.checks import check_sweep
from proxy.store.codec import micros
from proxy.store.details import anchor_detail
from proxy.store.keeping_port import AuditAnchor, Keepable, Swept
from proxy.store.port import AuditRow
from proxy.store.sql import audit
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import anchor_columns, anchor_of, audit_of

# Every look gives the columns key (where the next step goes on), going, size and old.
FETCHES = """
SELECT number AS key, at < :before AS going, at < :before AS old, 0 AS size
FROM fetches WHERE number > :after ORDER BY number LIMIT :limit
"""
DECISIONS = """
SELECT d.number AS key, d.recorded_at < :before AS old, 0 AS size,
  d.recorded_at < :before
  AND NOT EXISTS (SELECT 1 FROM current_decisions c WHERE c.number = d.number)
  AND EXISTS (
    SELECT 1 FROM decision_grounds mine JOIN decision_grounds next
      ON next.sha256 = mine.sha256 AND next.number > mine.number
      AND next.filename = mine.filename AND next.project = mine.project
      AND next.index_name = mine.index_name
    JOIN decisions s ON s.number = next.number
    WHERE mine.number = d.number AND s.recorded_at < :before
  ) AS going
FROM decisions d WHERE d.number > :after ORDER BY d.number LIMIT :limit
"""
EVIDENCE = """
WITH looked AS (
  SELECT e.number, e.digest,
    coalesce((SELECT max(p.posted_at) FROM evidence_posts p WHERE p.digest = e.digest), 0) AS posted
  FROM evidence e WHERE e.number > :after ORDER BY e.number LIMIT :limit
)
SELECT l.number AS key, l.digest AS digest, l.posted < :before AS old, 0 AS size,
  l.posted < :before
  AND NOT EXISTS (SELECT 1 FROM current_decisions c WHERE c.evidence_digest = l.digest)
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.evidence_digest = l.digest)
  AND NOT EXISTS (
    SELECT 1 FROM decision_grounds g JOIN decisions d USING (number)
    WHERE g.evidence_digest = l.digest AND d.recorded_at >= :before
  )
  AND NOT EXISTS (
    SELECT 1 FROM evidence_posts mine WHERE mine.digest = l.digest AND mine.number = (
      SELECT max(p.number) FROM evidence_posts p
      WHERE p.sha256 = mine.sha256 AND p.filename = mine.filename
        AND p.worker NOT IN (SELECT name FROM distrusted_workers)
    )
  ) AS going
FROM looked l ORDER BY l.number
"""
FACTS = """
WITH looked AS (
  SELECT f.digest,
    coalesce(substr(CASE WHEN json_valid(f.value) THEN json_extract(f.value, '$.as_of') END, 1, 19)
      < :before_text, 0) AS old
  FROM facts f WHERE f.digest > :after ORDER BY f.digest LIMIT :limit
)
SELECT l.digest AS key, l.digest AS digest, l.old AS old, 0 AS size,
  l.old
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.facts_digest = l.digest)
  AND NOT EXISTS (
    SELECT 1 FROM decision_grounds g JOIN decisions d USING (number)
    WHERE g.facts_digest = l.digest AND (
      d.recorded_at >= :before
      OR EXISTS (SELECT 1 FROM current_decisions c WHERE c.number = g.number)
    )
  ) AS going
FROM looked l ORDER BY l.digest
"""
TRACES = """
WITH looked AS (
  SELECT b.digest, length(b.data) AS size FROM blobs b
  WHERE b.digest > :after ORDER BY b.digest LIMIT :limit
)
SELECT l.digest AS key, l.digest AS digest, l.size AS size, 1 AS old,
  EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = l.digest)
  AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = l.digest AND u.kind <> 'trace')
  AND NOT EXISTS (
    SELECT 1 FROM blob_uses u JOIN evidence_posts p ON p.digest = u.holder
    WHERE u.blob = l.digest AND p.posted_at >= :before
  )
  AND NOT EXISTS (
    SELECT 1 FROM blob_uses u
    JOIN current_decisions c ON c.evidence_digest = u.holder JOIN decisions d USING (number)
    WHERE u.blob = l.digest
      AND NOT (
        c.action = 'SERVE' AND json_valid(d.value) AND json_extract(d.value, '$.tier') IS 'APPROVE'
      )
  ) AS going
FROM looked l ORDER BY l.digest
"""
ORPHANS = """
WITH looked AS (
  SELECT b.digest, length(b.data) AS size FROM blobs b
  WHERE b.digest > :after ORDER BY b.digest LIMIT :limit
)
SELECT l.digest AS key, l.digest AS digest, l.size AS size, 1 AS old,
  NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = l.digest)
  AND coalesce((SELECT t.put_at FROM blob_times t WHERE t.blob = l.digest), 0) < :before AS going
FROM looked l ORDER BY l.digest
"""
PAGES = """
SELECT p.rowid AS key, length(p.body) AS size, 1 AS old,
  p.fetched_at < :before AND NOT EXISTS (
    SELECT 1 FROM current_decisions c
    WHERE c.index_name = p.index_name AND c.project = p.project
  ) AS going
FROM pages p WHERE p.rowid > :after ORDER BY p.rowid LIMIT :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How rows of a kind are looked at and deleted."""

    look: str
    deletes: tuple[str, ...]
    numbered: bool = True
    """Whether the key is a number, in the order of time."""


DELETE_BLOB = (
    "DELETE FROM blobs WHERE digest = :digest",
    "DELETE FROM blob_times WHERE blob = :digest",
)
WAYS = {
    Keepable.FETCHES: _Way(look=FETCHES, deletes=("DELETE FROM fetches WHERE number = :key",)),
    Keepable.DECISIONS: _Way(
        look=DECISIONS,
        deletes=(
            "DELETE FROM decisions WHERE number = :key",
            "DELETE FROM decision_grounds WHERE number = :key",
        ),
    ),
    Keepable.EVIDENCE: _Way(
        look=EVIDENCE,
        deletes=(
            # While its posts are still there, for the trigger reads them.
            "DELETE FROM evidence WHERE number = :key",
            "DELETE FROM evidence_posts WHERE digest = :digest",
            "DELETE FROM blob_uses WHERE holder = :digest",
        ),
    ),
    Keepable.FACTS: _Way(
        look=FACTS,
        deletes=(
            "DELETE FROM facts WHERE digest = :key",
            "DELETE FROM blob_uses WHERE holder = :digest",
        ),
        numbered=False,
    ),
    Keepable.TRACES: _Way(look=TRACES, deletes=DELETE_BLOB, numbered=False),
    Keepable.ORPHANS: _Way(look=ORPHANS, deletes=DELETE_BLOB, numbered=False),
    Keepable.PAGES: _Way(look=PAGES, deletes=("DELETE FROM pages WHERE rowid = :key",)),
}
BOUND_BY_OVERRIDE = """
SELECT 1 FROM overrides o
WHERE coalesce(o.revoked_at, o.expires_at) >= :before AND EXISTS (
  SELECT 1 FROM evidence_posts p WHERE p.digest = :digest AND instr(o.value, p.sha256) > 0
) LIMIT 1
"""
SINCE = """
INSERT INTO kept_since (what, at) VALUES (:what, :at)
ON CONFLICT (what) DO UPDATE SET at = excluded.at WHERE excluded.at > at
"""

TO_ARCHIVE = """
SELECT * FROM audit
WHERE number > coalesce((SELECT max(number) FROM audit_anchors), 0)
  AND number < (SELECT max(number) FROM audit)
ORDER BY number LIMIT :limit
"""
ANCHORS = "SELECT * FROM audit_anchors ORDER BY number"
IN_CHAIN = "SELECT 1 FROM audit WHERE number = :number AND hash = :hash"
NEWEST_AUDIT = "SELECT coalesce(max(number), 0) AS newest FROM audit"
PUT_ANCHOR = """
INSERT INTO audit_anchors (number, hash, at, file, sha256)
VALUES (:number, :hash, :at, :file, :sha256)
"""
DROP_ARCHIVED = """
DELETE FROM audit WHERE number IN (
  SELECT number FROM audit WHERE number <= (SELECT coalesce(max(number), 0) FROM audit_anchors)
  ORDER BY number LIMIT :limit
)
"""


def sweep(
    session: Session, what: Keepable, *, before: datetime, after: str, limit: int, look: bool
) -> Swept:
    """Look at some rows, and delete those that nobody needs; see the port."""
    check_sweep(what, before, now=session.clock())
    way = WAYS[what]
    at_most = row_limit(limit)
    asked = {
        "before": micros(before),
        "before_text": f"{before:%Y-%m-%dT%H:%M:%S}",
        "after": (int(after) if after else 0) if way.numbered else after,
        "limit": at_most,
    }
    rows = session.rows(way.look, asked)
    going = [row for row in rows if row["going"]]
    if what is Keepable.EVIDENCE:
        going = [row for row in going if not _bound(session, row["digest"], before)]
    if going and not look:
        _delete(session, what, way, going, before)
    return Swept(
        gone=len(going),
        size_bytes=sum(row["size"] for row in going),
        after=str(rows[-1]["key"]) if rows else after,
        done=len(rows) < at_most or not any(row["old"] for row in rows),
    )


def audit_to_archive(session: Session, *, before: datetime, limit: int) -> tuple[AuditRow, ...]:
    """The oldest rows that are not archived, up to the first that is too young; see the port."""
    rows: list[AuditRow] = []
    for stored in session.rows(TO_ARCHIVE, {"limit": row_limit(limit)}):
        row = audit_of(stored)
        if row.at >= before:
            break
        rows.append(row)
    return tuple(rows)


def anchors(session: Session) -> tuple[AuditAnchor, ...]:
    """All anchors, oldest first; none where the store is older than archives, and only looked at."""
    if session.row(audit.ANCHORED) is None:
        return ()
    return tuple(anchor_of(row) for row in session.rows(ANCHORS))


def anchor_audit(session: Session, anchor: AuditAnchor, *, actor: str) -> None:
    """Let the chain begin after `anchor`; see the port."""
    known = anchors(session)
    newest = session.rows(NEWEST_AUDIT)[0]["newest"]
    columns = anchor_columns(anchor)
    chained = session.row(IN_CHAIN, {"number": anchor.number, "hash": anchor.hash})
    if chained is None or anchor.number >= newest or (known and known[-1].number >= anchor.number):
        raise chain.refused_anchor(anchor.number)
    session.run(PUT_ANCHOR, columns)
    audit.append(
        session,
        actor=actor,
        action="audit_archived",
        subject=anchor.file,
        detail=anchor_detail(anchor),
    )


def drop_archived(session: Session, *, limit: int) -> int:
    """Remove rows that are in archives; how many went."""
    return session.run(DROP_ARCHIVED, {"limit": row_limit(limit)}).rowcount


def reclaim(session: Session, *, pages: int) -> int:
    """Give free pages back to the disk; how many are left that could be."""
    if _number(session, "PRAGMA auto_vacuum") != INCREMENTAL:
        return 0
    session.db.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()
    return _number(session, "PRAGMA freelist_count")


INCREMENTAL = 2
"""What `PRAGMA auto_vacuum` says of a file that gives pages back in steps (sqlite.org/pragma.html)."""


def _delete(
    session: Session, what: Keepable, way: _Way, going: Sequence[Row], before: datetime
) -> None:
    if what in (Keepable.FETCHES, Keepable.DECISIONS, Keepable.EVIDENCE):
        session.run(SINCE, {"what": what.value, "at": micros(before)})
    # Evidence goes before the posts that refer to it; all is checked when the step is committed.
    session.run("PRAGMA defer_foreign_keys = ON")
    keys: list[dict[str, Any]] = [{"key": row["key"], "digest": row.get("digest")} for row in going]
    for sql in way.deletes:
        session.run_many(sql, keys)


def _bound(session: Session, digest: str, before: datetime) -> bool:
    """Whether an override that was in force since `before` speaks of the very bytes."""
    found = session.row(BOUND_BY_OVERRIDE, {"digest": digest, "before": micros(before)})
    return found is not None


def _number(session: Session, sql: str) -> int:
    return int(session.db.execute(sql).fetchone()[0])
