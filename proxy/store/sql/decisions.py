"""Decisions as they are read: the current one of each ref, or any by its id."""

from __future__ import annotations

from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest
from models.decision import Decision
from proxy.store.bounds import row_limit
from proxy.store.codec import micros
from proxy.store.port import Extent, Served, Standing
from proxy.store.sql.connection import Row, Session
from proxy.store.sql.rows import ref_columns, ref_of, value_of

OF_REF = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.index_name = :index_name AND c.project = :project
  AND c.sha256 = :sha256 AND c.filename = :filename
"""
OF_PROJECT = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.index_name = :index_name AND c.project = :project
ORDER BY c.number DESC
"""
BY_ID = """
SELECT schema_version, value FROM decisions WHERE id = :id ORDER BY number DESC LIMIT 1
"""
NEWEST = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE :action = '' OR c.action = :action
ORDER BY c.number DESC LIMIT :limit
"""
NEWEST_OF_NAME = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.project = :project AND (:action = '' OR c.action = :action)
ORDER BY c.number DESC LIMIT :limit
"""
WITH_BYTES = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.sha256 = :sha256 ORDER BY c.number DESC
"""
EXTENT = "SELECT count(*) AS count, coalesce(max(number), 0) AS newest FROM current_decisions"
STANDING = """
SELECT c.number, d.schema_version, d.value
FROM current_decisions c JOIN decisions d USING (number)
WHERE c.number > :after AND c.number <= :up_to ORDER BY c.number LIMIT :limit
"""
# Two ranges round the digest that is wanted, so that an index leads to the stale ones alone.
# Without an order: at a change of policy all are stale, and sorting them for each batch of
# `limit` would cost the square. The plus keeps the planner from reading all that share a policy.
NOT_RESTING_ON = """
SELECT d.schema_version, d.value FROM (
  SELECT number FROM current_decisions WHERE policy_digest < :policy_digest
  UNION ALL SELECT number FROM current_decisions WHERE policy_digest > :policy_digest
  UNION ALL SELECT number FROM current_decisions
    WHERE model_digest < :model_digest AND +policy_digest = :policy_digest
  UNION ALL SELECT number FROM current_decisions
    WHERE model_digest > :model_digest AND +policy_digest = :policy_digest
  LIMIT :limit
) JOIN decisions d USING (number)
"""
BY_WORKER = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.evidence_digest IN (SELECT digest FROM evidence_posts WHERE worker = :worker)
ORDER BY c.number DESC
"""
SERVED = """
SELECT c.* FROM current_decisions c
WHERE c.index_name = :index_name AND c.project = :project AND c.action = 'SERVE'
  AND EXISTS (
    SELECT 1 FROM evidence_posts p WHERE p.digest = c.evidence_digest
      AND p.worker NOT IN (SELECT name FROM distrusted_workers)
  )
ORDER BY c.number DESC
"""
EXPIRED = """
SELECT d.schema_version, d.value FROM current_decisions c JOIN decisions d USING (number)
WHERE c.expires_at <= :as_of ORDER BY c.expires_at, c.number LIMIT :limit
"""


def of_ref(session: Session, ref: ArtifactRef) -> Decision | None:
    """The current decision of a ref."""
    return _first(session.rows(OF_REF, ref_columns(ref)))


def of_project(session: Session, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
    """The current decision of every ref of a project, newest first."""
    return _all(session.rows(OF_PROJECT, {"index_name": index, "project": project}))


def by_id(session: Session, decision_id: str) -> Decision | None:
    """The newest decision with that short id."""
    return _first(session.rows(BY_ID, {"id": decision_id}))


def newest(session: Session, *, limit: int, action: str, project: str) -> tuple[Decision, ...]:
    """Current decisions, newest first."""
    sql = NEWEST_OF_NAME if project else NEWEST
    params = {"limit": row_limit(limit), "action": action, "project": project}
    return _all(session.rows(sql, params))


def with_bytes(session: Session, sha256: Sha256) -> tuple[Decision, ...]:
    """Current decisions about these bytes, newest first."""
    return _all(session.rows(WITH_BYTES, {"sha256": sha256}))


def extent(session: Session) -> Extent:
    """How many decisions are current, and the newest number."""
    row = session.row(EXTENT)
    return Extent(count=row["count"] if row else 0, newest=row["newest"] if row else 0)


def standing(session: Session, *, after: int, up_to: int, limit: int) -> tuple[Standing, ...]:
    """A page of current decisions, oldest first."""
    params = {"after": after, "up_to": up_to, "limit": row_limit(limit)}
    return tuple(
        Standing(number=row["number"], decision=value_of(Decision, row))
        for row in session.rows(STANDING, params)
    )


def not_resting_on(
    session: Session, policy_digest: Digest, model_digest: Digest, *, limit: int
) -> tuple[Decision, ...]:
    """Current decisions that rest on another policy or model."""
    params = {
        "policy_digest": policy_digest,
        "model_digest": model_digest,
        "limit": row_limit(limit),
    }
    return _all(session.rows(NOT_RESTING_ON, params))


def by_worker(session: Session, worker: str) -> tuple[Decision, ...]:
    """Current decisions that rest on evidence of a worker, newest first.

    All of them: one that was left out would go on being served on the word of that worker.
    """
    return _all(session.rows(BY_WORKER, {"worker": worker}))


def served(session: Session, index: IndexName, project: NormalizedName) -> tuple[Served, ...]:
    """Files of a project that are served on trusted evidence, from the columns alone."""
    return tuple(
        Served(ref=ref_of(row), evidence_digest=Digest(row["evidence_digest"]))
        for row in session.rows(SERVED, {"index_name": index, "project": project})
    )


def expired(session: Session, as_of: datetime, *, limit: int) -> tuple[Decision, ...]:
    """Current decisions that ended at or before `as_of`, the longest ended first."""
    return _all(session.rows(EXPIRED, {"as_of": micros(as_of), "limit": row_limit(limit)}))


def _all(rows: list[Row]) -> tuple[Decision, ...]:
    return tuple(value_of(Decision, row) for row in rows)


def _first(rows: list[Row]) -> Decision | None:
    return value_of(Decision, rows[0]) if rows else None
