"""How a job goes from state to state, pure: both stores apply these and only keep the outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from models.artifact import ArtifactRef
from models.decision import Action, Decision, HoldKind
from models.errors import LeaseLost, Overloaded, ValueInvalid
from models.facts import Facts
from models.work import ATTEMPTS_MAX, LEASE_S, Job, JobState, Lease, Priority
from proxy.store.bounds import ERROR_CHARS_MAX, RETRY_DELAY_S
from proxy.store.checks import clean

LEASE_EXPIRED = "the worker fell silent and its lease ran out"
"""What `last_error` says where no worker was left to say anything."""


def created(
    *, number: int, ref: ArtifactRef, size_bytes: int, priority: Priority, now: datetime
) -> Job:
    """A new job."""
    return Job(
        id=number,
        ref=ref,
        size_bytes=size_bytes,
        state=JobState.QUEUED,
        priority=priority,
        attempts=0,
        created_at=now,
        updated_at=now,
    )


def reopens(job: Job, *, decision: Decision | None, priority: Priority) -> bool:
    """Whether an `enqueue` opens this job anew.

    A current decision that itself waits for analysis is none: left DECIDED under it, the job
    would never run, and the ref would be held in silence.
    """
    if job.state is not JobState.DECIDED:
        return False
    return priority is Priority.RESCAN or decision is None or _waits_for_analysis(decision)


def reopened(job: Job, *, priority: Priority, size_bytes: int, now: datetime) -> Job:
    """The same job in a new life."""
    fresh = created(number=job.id, ref=job.ref, size_bytes=size_bytes, priority=priority, now=now)
    return replace(fresh, last_error=job.last_error)


def raised(job: Job, *, priority: Priority, now: datetime) -> Job:
    """The job with the higher of its priority and `priority`; the same object if nothing rose."""
    if job.state is JobState.DECIDED or priority.order >= job.priority.order:
        return job
    return replace(job, priority=priority, updated_at=now)


def leased(job: Job, *, worker: str, lease_id: str, now: datetime) -> Job:
    """The job in the hands of `worker`, one attempt older."""
    return replace(
        job,
        state=JobState.LEASED,
        attempts=job.attempts + 1,
        lease_id=lease_id,
        worker=worker,
        lease_expires_at=now + timedelta(seconds=LEASE_S),
        not_before=None,
        updated_at=now,
    )


def prolonged(job: Job, *, now: datetime) -> Job:
    """The job with its lease counted from `now`."""
    return replace(job, lease_expires_at=now + timedelta(seconds=LEASE_S), updated_at=now)


def observed(job: Job, *, now: datetime) -> Job:
    """The job after its evidence came; its lease is over."""
    return replace(job, state=JobState.OBSERVED, lease_id="", lease_expires_at=None, updated_at=now)


def failed(job: Job, *, error: str, now: datetime) -> Job:
    """The job after an attempt that came to nothing: queued again, or given to the judge as it is."""
    ended = replace(observed(job, now=now), last_error=clean(error, ERROR_CHARS_MAX))
    if job.attempts >= ATTEMPTS_MAX:
        return ended
    return replace(
        ended,
        state=JobState.QUEUED,
        worker="",
        not_before=now + timedelta(seconds=RETRY_DELAY_S),
    )


def decided(job: Job, *, now: datetime) -> Job:
    """The job at its end; a lease on it is over."""
    return replace(observed(job, now=now), state=JobState.DECIDED, not_before=None)


def settles(job: Job, decision: Decision, *, rests_on_older: bool, has_evidence: bool) -> bool:
    """Whether `decision` ends `job`.

    An OBSERVED job is ended by any decision but one made before its evidence came:
    `rests_on_older` says that the decision rests on earlier evidence than the job's, and a
    decision that still waits for analysis has seen none. A job that nobody has observed yet is
    ended by a decision that needs no evidence to serve or deny.
    """
    match job.state:
        case JobState.DECIDED:
            return False
        case JobState.OBSERVED:
            unaware = decision.evidence_digest is None and _waits_for_analysis(decision)
            return not rests_on_older and not (has_evidence and unaware)
        case JobState.QUEUED | JobState.LEASED:
            return decision.evidence_digest is None and decision.action is not Action.HOLD


def live(job: Job | None, *, worker: str, distrusted: bool, now: datetime) -> Job:
    """`job` if `worker` holds a live lease on it. Raises LeaseLost."""
    expires = job.lease_expires_at if job and job.state is JobState.LEASED else None
    if job is None or expires is None or now >= expires:
        raise LeaseLost(
            "The lease does not exist or has expired.", next_step="Lease the next job instead."
        )
    if job.worker != worker or distrusted:
        raise LeaseLost(
            "The lease does not belong to this worker.", next_step="Lease the next job instead."
        )
    return job


def as_lease(job: Job, facts: Facts) -> Lease:
    """What the worker is told of a leased job."""
    if job.lease_expires_at is None:
        raise LeaseLost("The job is not leased.")
    return Lease(
        lease_id=job.lease_id,
        job_id=job.id,
        ref=job.ref,
        size_bytes=job.size_bytes,
        attempt=job.attempts,
        facts=facts,
        expires_at=job.lease_expires_at,
    )


def check_lease_id(lease_id: str) -> None:
    """Raises ValueInvalid for an empty one, which would match every job that nobody leased."""
    if not lease_id:
        raise ValueInvalid("A lease needs an id.")


def check_room(open_jobs: int, open_jobs_max: int) -> None:
    """Raises Overloaded where no further job may be opened."""
    if open_jobs >= open_jobs_max:
        raise Overloaded(
            f"{open_jobs_max} artifacts already wait for analysis.",
            next_step="Wait until they are done, or add workers.",
        )


def _waits_for_analysis(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS
