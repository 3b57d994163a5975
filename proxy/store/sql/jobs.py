"""The queue: jobs, leases, and what a lease may fetch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.artifact import ArtifactRef, Sha256
from models.canonical import Digest
from models.decision import Decision
from models.errors import LeaseLost, Overloaded, StoreConflict, StoreError
from models.evidence import Evidence
from models.facts import Facts
from models.work import Job, JobState, Lease, Priority
from proxy.store import transitions
from proxy.store.bounds import LEASE_FILES_MAX, row_limit
from proxy.store.checks import check_evidence
from proxy.store.codec import micros
from proxy.store.sql import changes, decisions, evidence, watches
from proxy.store.sql.connection import Session
from proxy.store.sql.rows import job_columns, job_of, ref_columns

OF_REF = """
SELECT * FROM jobs
WHERE index_name = :index_name AND project = :project
  AND sha256 = :sha256 AND filename = :filename
"""
BY_ID = "SELECT * FROM jobs WHERE id = :id"
BY_LEASE = "SELECT * FROM jobs WHERE lease_id = :lease_id AND lease_id <> ''"
OPEN = """
SELECT * FROM jobs WHERE state <> 'decided' ORDER BY priority, created_at, id LIMIT :limit
"""
OPEN_COUNT = "SELECT count(*) AS open FROM jobs WHERE state <> 'decided'"
NEXT = """
SELECT * FROM jobs
WHERE state = 'queued' AND (not_before IS NULL OR not_before <= :now)
ORDER BY priority, created_at, id LIMIT 1
"""
OBSERVED = """
SELECT * FROM jobs WHERE state = 'observed' ORDER BY priority, updated_at, id LIMIT :limit
"""
EXPIRED = """
SELECT * FROM jobs WHERE state = 'leased' AND lease_expires_at <= :now
ORDER BY lease_expires_at, id
"""
IN_HANDS_OF = """
SELECT * FROM jobs WHERE worker = :worker AND state IN ('leased', 'observed') ORDER BY id
"""
INSERT = """
INSERT INTO jobs (
  index_name, project, sha256, filename, size_bytes, state, priority, attempts,
  created_at, updated_at, lease_id, worker, lease_expires_at, last_error, not_before, facts_digest
) VALUES (
  :index_name, :project, :sha256, :filename, :size_bytes, :state, :priority, :attempts,
  :created_at, :updated_at, :lease_id, :worker, :lease_expires_at, :last_error, :not_before,
  :facts_digest
)
"""
UPDATE = """
UPDATE jobs SET
  size_bytes = :size_bytes, state = :state, priority = :priority, attempts = :attempts,
  created_at = :created_at, updated_at = :updated_at, lease_id = :lease_id, worker = :worker,
  lease_expires_at = :lease_expires_at, last_error = :last_error, not_before = :not_before
WHERE id = :id
"""
SET_FACTS = "UPDATE jobs SET facts_digest = :digest WHERE id = :id"
SET_EVIDENCE = "UPDATE jobs SET evidence_digest = :digest WHERE id = :id"
DIGESTS = "SELECT facts_digest, evidence_digest FROM jobs WHERE id = :id"

DISTRUSTED = "SELECT 1 FROM distrusted_workers WHERE name = :name"
DISTRUST = "INSERT INTO distrusted_workers (name, since) VALUES (:name, :since)"

RESOLVED = """
SELECT url, size_bytes FROM resolved_files WHERE lease_id = :lease_id AND sha256 = :sha256
"""
RESOLVED_COUNT = """
SELECT count(*) AS files FROM resolved_files WHERE lease_id = :lease_id AND sha256 <> :sha256
"""
RESOLVED_PUT = """
INSERT OR REPLACE INTO resolved_files (lease_id, sha256, url, size_bytes)
VALUES (:lease_id, :sha256, :url, :size_bytes)
"""
RESOLVED_DROP = "DELETE FROM resolved_files WHERE lease_id = :lease_id"


def of_ref(session: Session, ref: ArtifactRef) -> Job | None:
    """The ref's job."""
    row = session.row(OF_REF, ref_columns(ref))
    return job_of(row) if row else None


def by_id(session: Session, job_id: int) -> Job | None:
    """A job by id."""
    row = session.row(BY_ID, {"id": job_id})
    return job_of(row) if row else None


def open_jobs(session: Session, limit: int) -> tuple[Job, ...]:
    """Open jobs in the order in which they would be leased."""
    return tuple(job_of(row) for row in session.rows(OPEN, {"limit": row_limit(limit)}))


def observed(session: Session, limit: int) -> tuple[Job, ...]:
    """Jobs that wait for the judge."""
    return tuple(job_of(row) for row in session.rows(OBSERVED, {"limit": row_limit(limit)}))


def unchanged(session: Session, ref: ArtifactRef, priority: Priority, now: datetime) -> Job | None:
    """The ref's job where an enqueue would leave it as it is: most do, and need no write lock."""
    job = of_ref(session, ref)
    if job is None or _reopens(session, job, priority):
        return None
    return job if transitions.raised(job, priority=priority, now=now) is job else None


def enqueue(
    session: Session,
    ref: ArtifactRef,
    *,
    size_bytes: int,
    facts: Facts,
    priority: Priority,
    now: datetime,
    open_jobs_max: int,
) -> Job:
    """The ref's open job; see the port."""
    job = of_ref(session, ref)
    if job is None:
        _check_room(session, open_jobs_max)
        new = transitions.created(
            number=0, ref=ref, size_bytes=size_bytes, priority=priority, now=now
        )
        return _insert(session, new, facts)
    if _reopens(session, job, priority):
        _check_room(session, open_jobs_max)
        job = transitions.reopened(job, priority=priority, size_bytes=size_bytes, now=now)
        _save(session, job)
        session.run(SET_EVIDENCE, {"id": job.id, "digest": None})
        session.run(SET_FACTS, {"id": job.id, "digest": evidence.put_facts(session, facts)})
        return job
    return _save(session, transitions.raised(job, priority=priority, now=now))


def waits(session: Session, now: datetime) -> bool:
    """Whether a job could be leased: asked often, mostly in vain, so without the write lock."""
    return session.row(NEXT, {"now": micros(now)}) is not None


def lease(session: Session, *, worker: str, lease_id: str, now: datetime) -> Lease | None:
    """Give the next job to a worker."""
    transitions.check_lease_id(lease_id)
    if is_distrusted(session, worker):
        return None
    row = session.row(NEXT, {"now": micros(now)})
    if row is None:
        return None
    if session.row(BY_LEASE, {"lease_id": lease_id}):
        raise StoreConflict("There is a lease of that id already.")
    job = transitions.leased(job_of(row), worker=worker, lease_id=lease_id, now=now)
    return _as_lease(session, _save(session, job))


def lease_of(session: Session, lease_id: str, *, worker: str, now: datetime) -> Lease:
    """A live lease. Raises LeaseLost."""
    return _as_lease(session, _live(session, lease_id, worker=worker, now=now))


def heartbeat(session: Session, lease_id: str, *, worker: str, now: datetime) -> Lease:
    """Prolong a lease. Raises LeaseLost."""
    job = _live(session, lease_id, worker=worker, now=now)
    return _as_lease(session, _save(session, transitions.prolonged(job, now=now)))


def complete(
    session: Session,
    lease_id: str,
    *,
    worker: str,
    evidence_given: Evidence,
    blobs: Sequence[tuple[Digest, bytes]],
    now: datetime,
) -> Job:
    """Keep what the worker posted and give the job to the judge. Raises LeaseLost."""
    job = _live(session, lease_id, worker=worker, now=now)
    check_evidence(job, evidence_given, blobs)
    for digest, data in blobs:
        evidence.put_blob(session, digest, data)
    digest = evidence.put_evidence(session, evidence_given, worker=worker, posted_at=micros(now))
    session.run(SET_EVIDENCE, {"id": job.id, "digest": digest})
    watches.analysed(session, job.ref, now=now)
    return _end_lease(session, job, transitions.observed(job, now=now))


def fail(session: Session, lease_id: str, *, worker: str, error: str, now: datetime) -> Job:
    """Queue the job again, or give it up to the judge. Raises LeaseLost."""
    job = _live(session, lease_id, worker=worker, now=now)
    return _end_lease(session, job, transitions.failed(job, error=error, now=now))


def any_expired(session: Session, now: datetime) -> bool:
    """Whether a lease ran out: asked every second, so without the write lock."""
    return session.row(EXPIRED, {"now": micros(now)}) is not None


def expire(session: Session, now: datetime) -> tuple[Job, ...]:
    """Fail every job whose lease ran out."""
    jobs = [job_of(row) for row in session.rows(EXPIRED, {"now": micros(now)})]
    error = transitions.LEASE_EXPIRED
    return tuple(
        _end_lease(session, job, transitions.failed(job, error=error, now=now)) for job in jobs
    )


def settle(session: Session, decision: Decision, *, now: datetime) -> None:
    """End the ref's job if `decision` does."""
    job = of_ref(session, decision.ref)
    if job is None:
        return
    theirs = session.rows(DIGESTS, {"id": job.id})[0]["evidence_digest"]
    if transitions.settles(
        job,
        decision,
        rests_on_older=evidence.older(session, decision.evidence_digest, theirs),
        has_evidence=theirs is not None,
    ):
        _end_lease(session, job, transitions.decided(job, now=now))


def is_distrusted(session: Session, worker: str) -> bool:
    """Whether a worker is distrusted."""
    return session.row(DISTRUSTED, {"name": worker}) is not None


def distrust(session: Session, worker: str, *, now: datetime) -> bool:
    """Distrust a worker and queue anew what is in its hands; False where it was so already."""
    if is_distrusted(session, worker):
        return False
    session.run(DISTRUST, {"name": worker, "since": micros(now)})
    for row in session.rows(IN_HANDS_OF, {"worker": worker}):
        job = job_of(row)
        fresh = transitions.reopened(job, priority=job.priority, size_bytes=job.size_bytes, now=now)
        session.run(SET_EVIDENCE, {"id": job.id, "digest": None})
        _end_lease(session, job, fresh)
    return True


def resolved_put(
    session: Session, lease_id: str, sha256: Sha256, url: str, size_bytes: int
) -> None:
    """Add a file to what a lease may fetch. Raises LeaseLost where there is no such lease."""
    row = session.row(BY_LEASE, {"lease_id": lease_id})
    if row is None or row["state"] != JobState.LEASED:
        raise LeaseLost("There is no such lease.", next_step="Lease the next job instead.")
    key = {"lease_id": lease_id, "sha256": sha256}
    if session.rows(RESOLVED_COUNT, key)[0]["files"] >= LEASE_FILES_MAX:
        raise Overloaded(f"A lease may fetch at most {LEASE_FILES_MAX} files.")
    session.run(RESOLVED_PUT, key | {"url": url, "size_bytes": size_bytes})


def resolved_get(session: Session, lease_id: str, sha256: Sha256) -> tuple[str, int] | None:
    """URL and size of a file that a lease may fetch."""
    row = session.row(RESOLVED, {"lease_id": lease_id, "sha256": sha256})
    return (row["url"], row["size_bytes"]) if row else None


def _live(session: Session, lease_id: str, *, worker: str, now: datetime) -> Job:
    row = session.row(BY_LEASE, {"lease_id": lease_id})
    distrusted = is_distrusted(session, worker)
    job = job_of(row) if row else None
    return transitions.live(job, worker=worker, distrusted=distrusted, now=now)


def _reopens(session: Session, job: Job, priority: Priority) -> bool:
    if job.state is not JobState.DECIDED:
        return False
    return transitions.reopens(job, decision=decisions.of_ref(session, job.ref), priority=priority)


def _check_room(session: Session, open_jobs_max: int) -> None:
    transitions.check_room(session.rows(OPEN_COUNT)[0]["open"], open_jobs_max)


def _insert(session: Session, job: Job, facts: Facts) -> Job:
    changes.know(session, job.ref.index)
    digest = evidence.put_facts(session, facts)
    number = session.run(INSERT, job_columns(job) | {"facts_digest": digest}).lastrowid
    stored = by_id(session, number or 0)
    if stored is None:
        raise StoreError("A job that was stored is not there.")
    return stored


def _save(session: Session, job: Job) -> Job:
    session.run(UPDATE, job_columns(job))
    return job


def _end_lease(session: Session, before: Job, after: Job) -> Job:
    if before.lease_id:
        session.run(RESOLVED_DROP, {"lease_id": before.lease_id})
    return _save(session, after)


def _as_lease(session: Session, job: Job) -> Lease:
    digest = Digest(session.rows(DIGESTS, {"id": job.id})[0]["facts_digest"])
    facts = evidence.facts(session, digest)
    if facts is None:
        raise StoreError(f"The facts of job {job.id} are not there.")
    return transitions.as_lease(job, facts)
