"""The in-memory store's queue: jobs, leases, evidence as it was posted, and capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from models.artifact import ArtifactRef, Sha256
from models.canonical import Digest
from models.decision import Decision
from models.errors import LeaseLost, Overloaded, StoreConflict
from models.evidence import Evidence
from models.facts import Facts
from models.work import Job, JobState, Lease, Priority
from proxy.store import transitions
from proxy.store.bounds import LEASE_FILES_MAX
from proxy.store.checks import check_evidence
from proxy.store.codec import digest_of_text, encode, micros

_FIRST_TWO = itemgetter(0, 1)


@dataclass(slots=True, kw_only=True)
class _Entry:
    job: Job
    facts: Facts
    evidence: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    digest: Digest
    sha256: Sha256
    filename: str
    worker: str
    posted_at: datetime


class MemoryQueue:
    """Applies `transitions` to a dictionary, as `sql.jobs` applies them to a table."""

    def __init__(self, *, open_jobs_max: int) -> None:
        self._open_jobs_max = open_jobs_max
        self._entries: dict[ArtifactRef, _Entry] = {}
        self._posts: list[_Post] = []
        self._resolved: dict[str, dict[Sha256, tuple[str, int]]] = {}
        self.evidence: dict[Digest, Evidence] = {}
        self.blobs: dict[Digest, bytes] = {}
        self.blob_times: dict[Digest, datetime] = {}
        """When each was last put."""
        self.distrusted: dict[str, datetime] = {}

    def all_jobs(self) -> tuple[Job, ...]:
        """Every job there is."""
        return tuple(entry.job for entry in self._entries.values())

    def of_ref(self, ref: ArtifactRef) -> Job | None:
        """The ref's job."""
        entry = self._entries.get(ref)
        return entry.job if entry else None

    def by_id(self, job_id: int) -> Job | None:
        """A job by id."""
        return next((job for job in self.all_jobs() if job.id == job_id), None)

    def facts_of(self, job: Job) -> Facts:
        """The facts that go with a job's lease."""
        return self._entries[job.ref].facts

    def open_jobs(self) -> tuple[Job, ...]:
        """Open jobs in the order in which they would be leased."""
        jobs = [job for job in self.all_jobs() if job.state is not JobState.DECIDED]
        return tuple(sorted(jobs, key=lambda job: (job.priority.order, job.created_at, job.id)))

    def observed(self) -> tuple[Job, ...]:
        """Jobs that wait for the judge."""
        jobs = [job for job in self.all_jobs() if job.state is JobState.OBSERVED]
        return tuple(sorted(jobs, key=lambda job: (job.priority.order, job.updated_at, job.id)))

    def enqueue(
        self,
        ref: ArtifactRef,
        *,
        size_bytes: int,
        facts: Facts,
        priority: Priority,
        now: datetime,
        decision: Decision | None,
    ) -> Job:
        """The ref's open job; see the port."""
        job = self.of_ref(ref)
        if job is None or transitions.reopens(job, decision=decision, priority=priority):
            transitions.check_room(len(self.open_jobs()), self._open_jobs_max)
            encode(facts)
            micros(facts.as_of)
            micros(now)
        if job is None:
            job = transitions.created(
                number=len(self._entries) + 1,
                ref=ref,
                size_bytes=size_bytes,
                priority=priority,
                now=now,
            )
            self._entries[ref] = _Entry(job=job, facts=facts)
            return job
        if transitions.reopens(job, decision=decision, priority=priority):
            job = transitions.reopened(job, priority=priority, size_bytes=size_bytes, now=now)
            self._entries[ref] = _Entry(job=job, facts=facts)
            return job
        return self._save(transitions.raised(job, priority=priority, now=now))

    def lease(self, *, worker: str, lease_id: str, now: datetime) -> Lease | None:
        """Give the next job to a worker."""
        ready = [
            job
            for job in self.open_jobs()
            if job.state is JobState.QUEUED and (job.not_before is None or job.not_before <= now)
        ]
        if not ready:
            return None
        transitions.check_lease_id(lease_id)
        if worker in self.distrusted:
            return None
        if self._by_lease(lease_id):
            raise StoreConflict("There is a lease of that id already.")
        job = transitions.leased(ready[0], worker=worker, lease_id=lease_id, now=now)
        return self._as_lease(self._save(job))

    def lease_of(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        """A live lease. Raises LeaseLost."""
        return self._as_lease(self._live(lease_id, worker=worker, now=now))

    def heartbeat(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        """Prolong a lease. Raises LeaseLost."""
        job = self._live(lease_id, worker=worker, now=now)
        return self._as_lease(self._save(transitions.prolonged(job, now=now)))

    def complete(
        self,
        lease_id: str,
        *,
        worker: str,
        evidence: Evidence,
        blobs: Sequence[tuple[Digest, bytes]],
        now: datetime,
    ) -> Job:
        """Keep what the worker posted and give the job to the judge. Raises LeaseLost."""
        job = self._live(lease_id, worker=worker, now=now)
        check_evidence(job, evidence, blobs)
        digest = digest_of_text(encode(evidence))
        for name, data in blobs:
            self.put_blob(name, data, now=now)
        self.evidence.setdefault(digest, evidence)
        self._posts.append(
            _Post(
                digest=digest,
                sha256=evidence.sha256,
                filename=evidence.filename,
                worker=worker,
                posted_at=now,
            )
        )
        self._entries[job.ref].evidence = digest
        return self._end_lease(job, transitions.observed(job, now=now))

    def fail(self, lease_id: str, *, worker: str, error: str, now: datetime) -> Job:
        """Queue the job again, or give it up to the judge. Raises LeaseLost."""
        job = self._live(lease_id, worker=worker, now=now)
        return self._end_lease(job, transitions.failed(job, error=error, now=now))

    def expire(self, now: datetime) -> tuple[Job, ...]:
        """Fail every job whose lease ran out."""
        leased = [
            (job.lease_expires_at, job.id, job)
            for job in self.all_jobs()
            if job.state is JobState.LEASED and job.lease_expires_at is not None
        ]
        ended = [job for expires_at, _, job in sorted(leased, key=_FIRST_TWO) if expires_at <= now]
        error = transitions.LEASE_EXPIRED
        return tuple(
            self._end_lease(job, transitions.failed(job, error=error, now=now)) for job in ended
        )

    def settle(self, decision: Decision, *, now: datetime) -> None:
        """End the ref's job if `decision` does."""
        entry = self._entries.get(decision.ref)
        if entry is None:
            return
        if transitions.settles(
            entry.job,
            decision,
            rests_on_older=self._older(decision.evidence_digest, entry.evidence),
            has_evidence=entry.evidence is not None,
        ):
            self._end_lease(entry.job, transitions.decided(entry.job, now=now))

    def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        """The newest evidence of a file by a worker who is not distrusted."""
        for post in reversed(self._posts):
            theirs = (post.sha256, post.filename) == (sha256, filename)
            if theirs and post.worker not in self.distrusted:
                return self.evidence[post.digest]
        return None

    def put_blob(self, digest: Digest, data: bytes, *, now: datetime) -> None:
        """Keep a blob that was checked."""
        self.blobs.setdefault(digest, data)
        self.blob_times[digest] = now

    def posted_at(self, digest: Digest) -> datetime:
        """When evidence was last posted."""
        return max(post.posted_at for post in self._posts if post.digest == digest)

    def newest_trusted(self) -> set[Digest]:
        """The digest of the newest evidence of each file by a worker who is not distrusted."""
        newest = {
            (post.sha256, post.filename): post.digest
            for post in self._posts
            if post.worker not in self.distrusted
        }
        return set(newest.values())

    def evidence_of_jobs(self) -> set[Digest | None]:
        """The digests of evidence that jobs name."""
        return {entry.evidence for entry in self._entries.values()}

    def facts_of_jobs(self) -> set[Digest]:
        """The digests of facts that jobs name."""
        return {digest_of_text(encode(entry.facts)) for entry in self._entries.values()}

    def forget_evidence(self, digest: Digest) -> None:
        """Let go of evidence and of its posts."""
        del self.evidence[digest]
        self._posts = [post for post in self._posts if post.digest != digest]

    def evidence_by(self, worker: str) -> set[Digest]:
        """The digests of all evidence that a worker posted."""
        return {post.digest for post in self._posts if post.worker == worker}

    def trusted_evidence(self) -> set[Digest]:
        """The digests of all evidence that anybody posted who is not distrusted."""
        return {post.digest for post in self._posts if post.worker not in self.distrusted}

    def posts_by_worker(self) -> dict[str, list[datetime]]:
        """When each worker posted evidence."""
        found: dict[str, list[datetime]] = {}
        for post in self._posts:
            found.setdefault(post.worker, []).append(post.posted_at)
        return found

    def distrust(self, worker: str, *, now: datetime) -> bool:
        """Distrust a worker and queue anew what is in its hands; False where it was so already."""
        if worker in self.distrusted:
            return False
        self.distrusted[worker] = now
        for entry in self._entries.values():
            job = entry.job
            if job.worker != worker or job.state not in (JobState.LEASED, JobState.OBSERVED):
                continue
            fresh = transitions.reopened(
                job, priority=job.priority, size_bytes=job.size_bytes, now=now
            )
            entry.evidence = None
            self._end_lease(job, fresh)
        return True

    def resolved_put(self, lease_id: str, sha256: Sha256, url: str, size_bytes: int) -> None:
        """Add a file to what a lease may fetch. Raises LeaseLost where there is no such lease."""
        if self._by_lease(lease_id) is None:
            raise LeaseLost("There is no such lease.", next_step="Lease the next job instead.")
        files = self._resolved.setdefault(lease_id, {})
        if len(files.keys() - {sha256}) >= LEASE_FILES_MAX:
            raise Overloaded(f"A lease may fetch at most {LEASE_FILES_MAX} files.")
        files[sha256] = (url, size_bytes)

    def resolved_get(self, lease_id: str, sha256: Sha256) -> tuple[str, int] | None:
        """URL and size of a file that a lease may fetch."""
        return self._resolved.get(lease_id, {}).get(sha256)

    def _by_lease(self, lease_id: str) -> Job | None:
        found = (job for job in self.all_jobs() if lease_id and job.lease_id == lease_id)
        return next(found, None)

    def _live(self, lease_id: str, *, worker: str, now: datetime) -> Job:
        return transitions.live(
            self._by_lease(lease_id), worker=worker, distrusted=worker in self.distrusted, now=now
        )

    def _older(self, digest: Digest | None, than: Digest | None) -> bool:
        order = list(self.evidence)
        if digest not in self.evidence or than not in self.evidence:
            return False
        return order.index(digest) < order.index(than)

    def _save(self, job: Job) -> Job:
        self._entries[job.ref].job = job
        return job

    def _end_lease(self, before: Job, after: Job) -> Job:
        self._resolved.pop(before.lease_id, None)
        return self._save(after)

    def _as_lease(self, job: Job) -> Lease:
        return transitions.as_lease(job, self._entries[job.ref].facts)
