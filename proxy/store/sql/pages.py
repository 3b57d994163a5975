"""Reads for pages: each a range of an index, bounded, without an offset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.decision import Decision, HoldKind, Override
from models.work import JobState
from proxy.store.bounds import ROWS_MAX, row_limit
from proxy.store.codec import micros, micros_or_none, moment, moment_or_none
from proxy.store.pages_port import (
    FLOW_ROWS_MAX,
    WAITING_MAX,
    WORKERS_MAX,
    HeldCount,
    Hour,
    QueueState,
    Recorded,
    Waiting,
    WorkerSeen,
)
from proxy.store.port import Fetch
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import fetch_of, ref_columns, ref_of, value_of

HOUR_US = 3_600_000_000
"""Microseconds of an hour."""
NEWEST = 2**63 - 1
"""Above every number."""

# CROSS JOIN keeps the order: the few that were ever held lead, and not all that are current.
HELD_COUNTS = """
SELECT d.hold, count(*) AS count, min(d.recorded_at) AS oldest
FROM decisions d CROSS JOIN current_decisions c ON c.number = d.number
WHERE d.hold IS NOT NULL GROUP BY d.hold ORDER BY d.hold
"""
# The bound first, so that fetches are counted for what is shown and not for all that is held.
WAITING = """
SELECT w.*,
  (SELECT coalesce(sum(fetches), 0) FROM holders h WHERE h.sha256 = w.sha256) AS fetches
FROM (
  SELECT d.number, d.recorded_at, d.score, c.index_name, c.project, c.sha256, c.filename
  FROM decisions d CROSS JOIN current_decisions c ON c.number = d.number
  WHERE d.hold = :hold AND (:project = '' OR c.project = :project)
    AND (:after = 0 OR (d.recorded_at, d.number) >
      (SELECT recorded_at, number FROM decisions WHERE number = :after))
  ORDER BY d.recorded_at, d.number LIMIT :limit
) w ORDER BY w.recorded_at, w.number
"""
AT = """
SELECT d.number, d.id, d.recorded_at, d.schema_version, d.value, c.number IS NOT NULL AS current
FROM decisions d LEFT JOIN current_decisions c USING (number) WHERE d.number = :number
"""
FILES_OF = """
SELECT d.number, d.id, d.recorded_at, d.schema_version, d.value, 1 AS current
FROM current_decisions c JOIN decisions d USING (number)
WHERE c.project = :project AND c.number < :before ORDER BY c.number DESC LIMIT :limit
"""
CURRENT = """
SELECT d.number, d.id, d.recorded_at, d.schema_version, d.value, 1 AS current
FROM current_decisions c JOIN decisions d USING (number)
WHERE c.number < :before AND (:action = '' OR c.action = :action)
ORDER BY c.number DESC LIMIT :limit
"""
CURRENT_OF = """
SELECT d.number, d.id, d.recorded_at, d.schema_version, d.value, 1 AS current
FROM current_decisions c JOIN decisions d USING (number)
WHERE c.project = :project AND c.number < :before AND (:action = '' OR c.action = :action)
ORDER BY c.number DESC LIMIT :limit
"""
FILENAMES_OF = """
SELECT number, filename FROM current_decisions
WHERE project = :project ORDER BY number DESC LIMIT :limit
"""
HISTORY = """
SELECT d.number, d.id, d.recorded_at, d.schema_version, d.value, c.number IS NOT NULL AS current
FROM decisions d LEFT JOIN current_decisions c USING (number)
WHERE d.sha256 = :sha256 AND d.number < :before
  AND json_extract(d.value, '$.ref.index') = :index_name
  AND json_extract(d.value, '$.ref.project') = :project
  AND json_extract(d.value, '$.ref.filename') = :filename
ORDER BY d.number DESC LIMIT :limit
"""
SERVED = """
SELECT at / :hour AS hour, count(*) AS count FROM (
  SELECT at FROM fetches WHERE at >= :since ORDER BY at DESC LIMIT :limit
) GROUP BY 1
"""
DECIDED = """
SELECT recorded_at / :hour AS hour, action, count(*) AS count FROM (
  SELECT recorded_at, action FROM decisions
  WHERE recorded_at >= :since AND action <> 'SERVE' AND hold IS NOT 'analysis'
  ORDER BY recorded_at DESC LIMIT :limit
) GROUP BY 1, 2
"""
QUEUE = """
SELECT state, count(*) AS count, min(created_at) AS oldest FROM jobs
WHERE state <> 'decided' GROUP BY state
"""
WORKERS = """
SELECT name, sum(posts) AS posts, max(posted_at) AS posted_at, max(since) AS since FROM (
  SELECT worker AS name, count(*) AS posts, max(posted_at) AS posted_at, NULL AS since
  FROM evidence_posts GROUP BY worker
  UNION ALL SELECT name, 0, NULL, since FROM distrusted_workers
) GROUP BY name ORDER BY name LIMIT :limit
"""
FETCHES = """
SELECT * FROM fetches WHERE sha256 = :sha256 AND number < :before
ORDER BY number DESC LIMIT :limit
"""
OVERRIDES = """
SELECT number, schema_version, value FROM overrides
WHERE number < :before
  AND (:at IS NULL OR (revoked_at IS NULL AND created_at <= :at AND :at < expires_at))
ORDER BY number DESC LIMIT :limit
"""


def held_counts(session: Session) -> tuple[HeldCount, ...]:
    """What is held now, by cause."""
    return tuple(
        HeldCount(hold=HoldKind(row["hold"]), count=int(row["count"]), oldest=moment(row["oldest"]))
        for row in session.rows(HELD_COUNTS)
    )


def waiting(
    session: Session, hold: HoldKind, *, project: str, after: int, limit: int
) -> tuple[Waiting, ...]:
    """Files held now for one cause, the one held longest first."""
    params = {
        "hold": hold.value,
        "project": project,
        "after": after,
        "limit": min(limit, WAITING_MAX),
    }
    return tuple(
        Waiting(
            number=row["number"],
            ref=ref_of(row),
            recorded_at=moment(row["recorded_at"]),
            score=row["score"],
            fetches=row["fetches"],
        )
        for row in session.rows(WAITING, params)
    )


def current(
    session: Session, *, action: str, project: str, before: int, limit: int
) -> tuple[Recorded, ...]:
    """Current decisions."""
    params = {"action": action, "project": project} | _page(before, limit)
    rows = session.rows(CURRENT_OF if project else CURRENT, params)
    return tuple(_recorded(row) for row in rows)


def recorded(session: Session, numbers: Sequence[int]) -> tuple[Recorded, ...]:
    """Decisions by number, in the order asked for."""
    found = (session.row(AT, {"number": number}) for number in numbers[:ROWS_MAX])
    return tuple(_recorded(row) for row in found if row)


def files_of(
    session: Session, project: NormalizedName, *, before: int, limit: int
) -> tuple[Recorded, ...]:
    """Current decisions of a project."""
    rows = session.rows(FILES_OF, {"project": project} | _page(before, limit))
    return tuple(_recorded(row) for row in rows)


def filenames_of(session: Session, project: NormalizedName) -> tuple[tuple[int, str], ...]:
    """Numbers and names of a project's files."""
    rows = session.rows(FILENAMES_OF, {"project": project, "limit": ROWS_MAX})
    return tuple((row["number"], row["filename"]) for row in rows)


def history(session: Session, ref: ArtifactRef, *, before: int, limit: int) -> tuple[Recorded, ...]:
    """Every decision about a file."""
    rows = session.rows(HISTORY, ref_columns(ref) | _page(before, limit))
    return tuple(_recorded(row) for row in rows)


def flow(session: Session, *, since: datetime) -> tuple[Hour, ...]:
    """What happened, by hour."""
    params = {"hour": HOUR_US, "since": micros(since), "limit": FLOW_ROWS_MAX}
    counts: dict[int, dict[str, int]] = {}
    for row in session.rows(SERVED, params):
        counts.setdefault(row["hour"], {})["served"] = row["count"]
    for row in session.rows(DECIDED, params):
        what = "held" if row["action"] == "HOLD" else "denied"
        counts.setdefault(row["hour"], {})[what] = row["count"]
    return tuple(
        Hour(began=moment(hour * HOUR_US), **counted) for hour, counted in sorted(counts.items())
    )


def queue_state(session: Session) -> QueueState:
    """Open jobs by state."""
    rows = session.rows(QUEUE)
    counts = {JobState(row["state"]): int(row["count"]) for row in rows}
    oldest = min((int(row["oldest"]) for row in rows), default=None)
    return QueueState(
        queued=counts.get(JobState.QUEUED, 0),
        leased=counts.get(JobState.LEASED, 0),
        observed=counts.get(JobState.OBSERVED, 0),
        oldest=moment_or_none(oldest),
    )


def workers_seen(session: Session) -> tuple[WorkerSeen, ...]:
    """Workers that posted evidence, or are distrusted."""
    return tuple(
        WorkerSeen(
            name=row["name"],
            posts=row["posts"],
            posted_at=moment_or_none(row["posted_at"]),
            distrusted_at=moment_or_none(row["since"]),
        )
        for row in session.rows(WORKERS, {"limit": WORKERS_MAX})
    )


def fetches_page(
    session: Session, sha256: Sha256, *, before: int, limit: int
) -> tuple[tuple[int, Fetch], ...]:
    """Who fetched some bytes."""
    rows = session.rows(FETCHES, {"sha256": sha256} | _page(before, limit))
    return tuple((row["number"], fetch_of(row)) for row in rows)


def overrides_page(
    session: Session, *, active_at: datetime | None, before: int, limit: int
) -> tuple[tuple[int, Override], ...]:
    """Overrides, newest first."""
    rows = session.rows(OVERRIDES, {"at": micros_or_none(active_at)} | _page(before, limit))
    return tuple((row["number"], value_of(Override, row)) for row in rows)


def _page(before: int, limit: int) -> dict[str, Any]:
    return {"before": before if 0 < before < NEWEST else NEWEST, "limit": row_limit(limit)}


def _recorded(row: Row) -> Recorded:
    return Recorded(
        number=row["number"],
        id=row["id"],
        decision=value_of(Decision, row),
        recorded_at=moment(row["recorded_at"]),
        current=bool(row["current"]),
    )
