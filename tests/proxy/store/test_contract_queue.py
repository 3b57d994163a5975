"""The port's contract, held against the SQLite store and its twin: jobs, leases, evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.artifact import ArtifactRef
from models.canonical import digest_of, digest_of_bytes
from models.decision import Action, Decision, HoldKind
from models.errors import (
    LeaseLost,
    Overloaded,
    PratiqueError,
    StoreConflict,
    StoreError,
    ValueInvalid,
)
from models.evidence import Evidence
from models.work import ATTEMPTS_MAX, LEASE_S, Job, JobState, Lease, Priority
from proxy.store.bounds import ERROR_CHARS_MAX, LEASE_FILES_MAX, RETRY_DELAY_S
from proxy.store.port import Served, Store, TokenKind
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    PYPI,
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_ref,
    make_token,
    sha,
    waiting,
)

REF = make_ref()
TRACE = (digest_of_bytes(b"trace"), b"trace")


async def enqueue(
    store: Store,
    ref: ArtifactRef = REF,
    *,
    priority: Priority = Priority.FILE,
    clock: FakeClock | None = None,
) -> Job:
    now = clock.now if clock else START
    return await store.enqueue(
        ref, size_bytes=1000, facts=make_facts(ref), priority=priority, now=now
    )


async def take(
    store: Store, clock: FakeClock, *, worker: str = "pi", lease_id: str = "lease-1"
) -> Lease:
    lease = await store.lease(worker=worker, lease_id=lease_id, now=clock.now)
    assert lease is not None
    return lease


async def finish(
    store: Store,
    clock: FakeClock,
    lease: Lease,
    *,
    worker: str = "pi",
    evidence: Evidence | None = None,
) -> Job:
    return await store.complete(
        lease.lease_id,
        worker=worker,
        evidence=evidence or make_evidence(lease.ref),
        blobs=[TRACE],
        now=clock.now,
    )


async def observe(
    store: Store, clock: FakeClock, ref: ArtifactRef = REF, *, worker: str = "pi", title: str = "t"
) -> Evidence:
    """Evidence for `ref`, all the way from the queue."""
    job = await enqueue(store, ref, priority=Priority.RESCAN, clock=clock)
    lease = await take(store, clock, worker=worker, lease_id=f"lease-{title}")
    assert lease.job_id == job.id
    evidence = make_evidence(ref, title=title)
    await finish(store, clock, lease, worker=worker, evidence=evidence)
    return evidence


async def exhaust(store: Store, clock: FakeClock) -> Job:
    """Fails the next job until the queue gives up."""
    for attempt in range(ATTEMPTS_MAX):
        await take(store, clock, lease_id=f"try-{attempt}")
        job = await store.fail(f"try-{attempt}", worker="pi", error="no box", now=clock.now)
        clock.advance(RETRY_DELAY_S)
    return job


# -- enqueue ---------------------------------------------------------------------------------
async def test_enqueue__makes_one_open_job_for_each_ref(store: Store) -> None:
    job = await enqueue(store)
    assert job == await enqueue(store) == await store.job_of(REF) == await store.job(job.id)
    assert (job.state, job.attempts, job.ref) == (JobState.QUEUED, 0, REF)
    other = await enqueue(store, make_ref("other"))
    assert await store.jobs() == (job, other)
    assert await store.jobs(limit=1) == (job,)


async def test_job__unknown_is_none(store: Store) -> None:
    assert await store.job_of(REF) is None
    assert await store.job(1) is None
    assert await store.jobs() == ()


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (Priority.METADATA, Priority.FILE, Priority.FILE),
        (Priority.FILE, Priority.METADATA, Priority.FILE),
        (Priority.RESCAN, Priority.METADATA, Priority.METADATA),
        (Priority.METADATA, Priority.RESCAN, Priority.METADATA),
    ],
)
async def test_enqueue__priority_only_rises(
    store: Store, first: Priority, second: Priority, kept: Priority
) -> None:
    job = await enqueue(store, priority=first)
    again = await enqueue(store, priority=second)
    assert (again.id, again.priority) == (job.id, kept)
    assert await store.job_of(REF) == again


async def test_enqueue__at_the_bound_refuses_new_jobs_and_keeps_the_old(opener: Opener) -> None:
    store = opener(open_jobs_max=2)
    first = await enqueue(store, make_ref("a"))
    await enqueue(store, make_ref("b"))
    with pytest.raises(Overloaded):
        await enqueue(store, make_ref("c"))
    assert await enqueue(store, make_ref("a")) == first
    assert await store.job_of(make_ref("c")) is None
    await store.put_decision(make_decision(make_ref("a")))
    await enqueue(store, make_ref("c"))


async def test_enqueue__values_that_cannot_be_stored_leave_nothing(store: Store) -> None:
    bad = make_facts(as_of=START.replace(tzinfo=None))
    with pytest.raises(StoreError):
        await store.enqueue(REF, size_bytes=1, facts=bad, priority=Priority.FILE, now=START)
    assert await store.job_of(REF) is None


# -- reopening -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("decision", "priority", "reopened"),
    [
        (make_decision(), Priority.FILE, False),
        (make_decision(), Priority.METADATA, False),
        (make_decision(), Priority.RESCAN, True),
        (waiting(), Priority.FILE, True),
        (make_decision(action=Action.HOLD, hold=HoldKind.REVIEW), Priority.FILE, False),
    ],
    ids=["served, file", "served, metadata", "rescan", "waits for analysis", "waits for review"],
)
async def test_enqueue__reopens_a_decided_job_only_with_cause(
    store: Store, clock: FakeClock, decision: Decision, priority: Priority, reopened: bool
) -> None:
    await enqueue(store)
    await exhaust(store, clock)
    await store.put_decision(decision)
    before = await store.job_of(REF)
    assert before is not None
    assert before.state is JobState.DECIDED
    clock.advance(60)
    job = await enqueue(store, priority=priority, clock=clock)
    if not reopened:
        assert job == before
        return
    assert (job.state, job.attempts, job.priority) == (JobState.QUEUED, 0, priority)
    assert job.created_at == clock.now
    assert (await take(store, clock, lease_id="new")).attempt == 1


async def test_enqueue__a_reopened_job_does_not_rest_on_its_old_evidence(
    store: Store, clock: FakeClock
) -> None:
    await observe(store, clock)
    await store.put_decision(make_decision())
    await enqueue(store, priority=Priority.RESCAN)
    await exhaust(store, clock)
    await store.put_decision(waiting())
    job = await store.job_of(REF)
    assert job is not None
    assert job.state is JobState.DECIDED


# -- leases ----------------------------------------------------------------------------------
async def test_lease__none_where_none_waits(store: Store, clock: FakeClock) -> None:
    assert await store.lease(worker="pi", lease_id="l", now=clock.now) is None
    await enqueue(store)
    await take(store, clock)
    assert await store.lease(worker="pi", lease_id="l", now=clock.now) is None


async def test_lease__gives_priority_first_then_age(store: Store, clock: FakeClock) -> None:
    for project, priority in (
        ("rescan", Priority.RESCAN),
        ("metadata", Priority.METADATA),
        ("file-1", Priority.FILE),
        ("file-2", Priority.FILE),
    ):
        await enqueue(store, make_ref(project), priority=priority, clock=clock)
        clock.advance(1)
    announced = [job.ref.project for job in await store.jobs()]
    leases = [await take(store, clock, lease_id=f"l{number}") for number in range(4)]
    order = [lease.ref.project for lease in leases]
    assert order == announced == ["file-1", "file-2", "metadata", "rescan"]


async def test_lease__carries_what_the_worker_needs(store: Store, clock: FakeClock) -> None:
    job = await enqueue(store)
    lease = await take(store, clock)
    assert lease == Lease(
        lease_id="lease-1",
        job_id=job.id,
        ref=REF,
        size_bytes=1000,
        attempt=1,
        facts=make_facts(REF),
        expires_at=START + timedelta(seconds=LEASE_S),
    )
    assert await store.lease_of("lease-1", worker="pi", now=clock.now) == lease
    leased = await store.job(job.id)
    assert leased is not None
    assert (leased.state, leased.worker) == (JobState.LEASED, "pi")


async def test_lease__of_an_id_in_use_is_a_conflict(store: Store, clock: FakeClock) -> None:
    await enqueue(store, make_ref("a"))
    await enqueue(store, make_ref("b"))
    await take(store, clock)
    with pytest.raises(StoreConflict):
        await store.lease(worker="pi", lease_id="lease-1", now=clock.now)


async def test_lease__without_an_id_is_refused(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    with pytest.raises(ValueInvalid):
        await store.lease(worker="pi", lease_id="", now=clock.now)
    with pytest.raises(LeaseLost):
        await store.lease_of("", worker="", now=clock.now)


async def test_heartbeat__prolongs_from_now(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    await take(store, clock)
    clock.advance(LEASE_S - 1)
    lease = await store.heartbeat("lease-1", worker="pi", now=clock.now)
    assert lease.expires_at == clock.now + timedelta(seconds=LEASE_S)
    clock.advance(LEASE_S - 1)
    assert await store.expire_leases(clock.now) == ()
    assert await store.lease_of("lease-1", worker="pi", now=clock.now) == lease


async def _uses_of(store: Store, lease_id: str, worker: str, clock: FakeClock) -> list[str]:
    """Which uses of a lease raise LeaseLost."""
    lost = []
    uses = {
        "lease_of": store.lease_of(lease_id, worker=worker, now=clock.now),
        "heartbeat": store.heartbeat(lease_id, worker=worker, now=clock.now),
        "fail": store.fail(lease_id, worker=worker, error="x", now=clock.now),
        "complete": store.complete(
            lease_id, worker=worker, evidence=make_evidence(REF), blobs=[TRACE], now=clock.now
        ),
    }
    for use, call in uses.items():
        try:
            await call
        except LeaseLost:
            lost.append(use)
    return lost


ALL_USES = ["lease_of", "heartbeat", "fail", "complete"]


@pytest.mark.parametrize("case", ["another worker", "unknown", "expired", "given back", "done"])
async def test_lease__that_is_not_held_changes_nothing(
    store: Store, clock: FakeClock, case: str
) -> None:
    await enqueue(store)
    lease = await take(store, clock)
    worker, lease_id = "pi", lease.lease_id
    if case == "another worker":
        worker = "eve"
    elif case == "unknown":
        lease_id = "lease-2"
    elif case == "expired":
        clock.advance(LEASE_S)
    elif case == "given back":
        await store.fail(lease_id, worker=worker, error="no box", now=clock.now)
    else:
        await finish(store, clock, lease)
    before = (await store.job_of(REF), await store.audit(), await store.generation())
    evidence = await store.latest_evidence(REF.sha256, REF.filename)
    assert await _uses_of(store, lease_id, worker, clock) == ALL_USES
    assert (await store.job_of(REF), await store.audit(), await store.generation()) == before
    assert await store.latest_evidence(REF.sha256, REF.filename) == evidence
    assert (await store.blob(TRACE[0]) is None) == (case != "done")


# -- complete --------------------------------------------------------------------------------
async def test_complete__keeps_evidence_and_blobs_and_waits_for_the_judge(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store)
    job = await finish(store, clock, await take(store, clock))
    assert job.state is JobState.OBSERVED
    assert await store.observed_jobs() == (job,) == await store.jobs()
    assert await store.job_of(REF) == job
    evidence = make_evidence(REF)
    assert await store.evidence(digest_of(evidence)) == evidence
    assert await store.latest_evidence(REF.sha256, REF.filename) == evidence
    assert await store.latest_evidence(REF.sha256, "other.whl") is None
    assert await store.blob(TRACE[0]) == TRACE[1]


@pytest.mark.parametrize(
    ("evidence", "blob"),
    [
        (make_evidence(make_ref("other")), TRACE),
        (make_evidence(make_ref(content="other bytes")), TRACE),
        (make_evidence(REF), (digest_of_bytes(b"other"), b"trace")),
        (make_evidence(REF, title="x" * 301), TRACE),
    ],
    ids=["another file", "other bytes", "blob of another digest", "text beyond its bound"],
)
async def test_complete__with_what_cannot_be_kept_leaves_the_lease_alive(
    store: Store, clock: FakeClock, evidence: Evidence, blob: tuple[object, bytes]
) -> None:
    await enqueue(store)
    lease = await take(store, clock)
    with pytest.raises(PratiqueError):
        await store.complete(
            lease.lease_id,
            worker="pi",
            evidence=evidence,
            blobs=[TRACE, blob],  # type: ignore[list-item]  # the table mixes good and bad
            now=clock.now,
        )
    assert await store.blob(TRACE[0]) is None
    assert await store.latest_evidence(evidence.sha256, evidence.filename) is None
    assert await store.lease_of(lease.lease_id, worker="pi", now=clock.now) == lease


async def test_latest_evidence__is_the_newest_posted(store: Store, clock: FakeClock) -> None:
    first = await observe(store, clock, title="first")
    await store.put_decision(make_decision(evidence=digest_of(first)))
    second = await observe(store, clock, title="second")
    assert await store.latest_evidence(REF.sha256, REF.filename) == second
    assert await store.evidence(digest_of(first)) == first


# -- failing and expiring --------------------------------------------------------------------
async def test_fail__queues_again_after_a_while(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    await take(store, clock)
    job = await store.fail("lease-1", worker="pi", error="no box", now=clock.now)
    assert (job.state, job.attempts, job.last_error) == (JobState.QUEUED, 1, "no box")
    assert job.not_before == clock.now + timedelta(seconds=RETRY_DELAY_S)
    assert await store.lease(worker="pi", lease_id="l", now=clock.now) is None
    clock.advance(RETRY_DELAY_S)
    assert (await take(store, clock, lease_id="lease-2")).attempt == 2


async def test_fail__after_the_last_attempt_the_judge_gets_it_without_evidence(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store)
    job = await exhaust(store, clock)
    assert (job.state, job.attempts) == (JobState.OBSERVED, ATTEMPTS_MAX)
    assert await store.observed_jobs() == (job,)
    assert await store.latest_evidence(REF.sha256, REF.filename) is None
    await store.put_decision(make_decision(action=Action.HOLD, hold=HoldKind.REVIEW, score=None))
    assert await store.jobs() == ()


async def test_fail__keeps_of_an_error_what_can_be_kept(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    await take(store, clock)
    job = await store.fail("lease-1", worker="pi", error="\udcff" * 5000, now=clock.now)
    assert len(job.last_error) == ERROR_CHARS_MAX
    assert await store.job_of(REF) == job


async def test_expire_leases__does_what_fail_does(store: Store, clock: FakeClock) -> None:
    await enqueue(store, make_ref("dead"))
    await enqueue(store, make_ref("alive"))
    await take(store, clock, lease_id="dead")
    clock.advance(1)
    await take(store, clock, lease_id="alive")
    clock.advance(LEASE_S - 1)
    (job,) = await store.expire_leases(clock.now)
    assert (job.ref.project, job.state, job.attempts) == ("dead", JobState.QUEUED, 1)
    assert job.last_error
    assert await store.expire_leases(clock.now) == ()
    await store.lease_of("alive", worker="pi", now=clock.now)


async def test_expire_leases__the_last_attempt_ends_in_front_of_the_judge(
    store: Store, clock: FakeClock
) -> None:
    await enqueue(store)
    for attempt in range(ATTEMPTS_MAX):
        await take(store, clock, lease_id=f"l{attempt}")
        clock.advance(LEASE_S)
        (job,) = await store.expire_leases(clock.now)
        clock.advance(RETRY_DELAY_S)
    assert await store.observed_jobs() == (job,)


# -- what a decision does to the job ---------------------------------------------------------
@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (make_decision(action=Action.DENY, score=None), JobState.DECIDED),
        (make_decision(score=None), JobState.DECIDED),
        (waiting(), JobState.QUEUED),
        (make_decision(action=Action.HOLD, hold=HoldKind.AGE, score=None), JobState.QUEUED),
        (make_decision(evidence=digest_of(make_evidence(REF))), JobState.QUEUED),
    ],
    ids=["denied unseen", "allowed unseen", "waits for analysis", "waits for age", "re-derived"],
)
async def test_put_decision__ends_a_job_that_nobody_observed_only_if_final(
    store: Store, decision: Decision, state: JobState
) -> None:
    await enqueue(store)
    await store.put_decision(decision)
    job = await store.job_of(REF)
    assert job is not None
    assert job.state is state


async def test_put_decision__final_takes_the_lease_away(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    await take(store, clock)
    await store.resolved_put("lease-1", sha("dep"), "https://up.test/dep", 1)
    await store.put_decision(make_decision(action=Action.DENY, score=None))
    assert await _uses_of(store, "lease-1", "pi", clock) == ALL_USES
    assert await store.resolved_get("lease-1", sha("dep")) is None


async def test_put_decision__ends_an_observed_job(store: Store, clock: FakeClock) -> None:
    evidence = await observe(store, clock)
    await store.put_decision(make_decision(evidence=digest_of(evidence)))
    job = await store.job_of(REF)
    assert job is not None
    assert job.state is JobState.DECIDED
    assert await store.jobs() == () == await store.observed_jobs()


async def test_put_decision__the_current_one_again_still_ends_the_job(
    store: Store, clock: FakeClock
) -> None:
    decision = make_decision(evidence=digest_of(make_evidence(REF, title="t")))
    await store.put_decision(decision)
    await observe(store, clock, title="t")
    await store.put_decision(decision)
    assert await store.observed_jobs() == ()


async def test_put_decision__made_before_the_evidence_came_leaves_it_to_the_judge(
    store: Store, clock: FakeClock
) -> None:
    first = await observe(store, clock, title="first")
    await store.put_decision(make_decision(evidence=digest_of(first)))
    await observe(store, clock, title="second")
    for early in (make_decision(score=50, evidence=digest_of(first)), waiting()):
        await store.put_decision(early)
        assert len(await store.observed_jobs()) == 1


async def test_put_decision__of_another_ref_leaves_the_job(store: Store, clock: FakeClock) -> None:
    await observe(store, clock)
    await store.put_decision(make_decision(make_ref("other", content=REF.filename)))
    assert len(await store.observed_jobs()) == 1


# -- capabilities ----------------------------------------------------------------------------
async def test_resolved__lives_as_long_as_the_lease(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    lease = await take(store, clock)
    await store.resolved_put("lease-1", sha("dep"), "https://up.test/old", 1)
    await store.resolved_put("lease-1", sha("dep"), "https://up.test/dep", 12)
    assert await store.resolved_get("lease-1", sha("dep")) == ("https://up.test/dep", 12)
    assert await store.resolved_get("lease-1", sha("else")) is None
    assert await store.resolved_get("lease-2", sha("dep")) is None
    await finish(store, clock, lease)
    assert await store.resolved_get("lease-1", sha("dep")) is None


async def test_resolved_put__without_a_lease_is_refused(store: Store) -> None:
    await enqueue(store)
    for lease_id in ("", "lease-1"):
        with pytest.raises(LeaseLost):
            await store.resolved_put(lease_id, sha("dep"), "https://up.test/dep", 1)


async def test_resolved_put__is_bounded(store: Store, clock: FakeClock) -> None:
    await enqueue(store)
    await take(store, clock)
    for number in range(LEASE_FILES_MAX):
        await store.resolved_put("lease-1", sha(str(number)), "https://up.test/dep", 1)
    with pytest.raises(Overloaded):
        await store.resolved_put("lease-1", sha("more"), "https://up.test/dep", 1)
    await store.resolved_put("lease-1", sha("0"), "https://up.test/again", 1)


# -- served files ----------------------------------------------------------------------------
async def test_served_files__are_those_served_on_evidence_newest_first(
    store: Store, clock: FakeClock
) -> None:
    refs = [make_ref("demo", version) for version in ("1.0", "3.0", "2.0")]
    expected: list[Served] = []
    for number, ref in enumerate(refs):
        seen = await observe(store, clock, ref, title=f"t{number}")
        await store.put_decision(make_decision(ref, evidence=digest_of(seen)))
        expected.insert(0, Served(ref=ref, evidence_digest=digest_of(seen)))
    await store.put_decision(make_decision(make_ref("demo", "9.0")))
    await store.put_decision(make_decision(make_ref("demo", "8.0"), action=Action.DENY))
    assert await store.served_files(PYPI, refs[0].project) == tuple(expected)
    assert await store.served_files(PYPI, make_ref("other").project) == ()
    held = make_decision(refs[1], action=Action.HOLD, evidence=expected[1].evidence_digest)
    await store.put_decision(held)
    assert await store.served_files(PYPI, refs[0].project) == (expected[0], expected[2])


async def test_served_files__only_a_distrusted_worker_s_word_is_none(
    store: Store, clock: FakeClock
) -> None:
    theirs = await observe(store, clock, worker="eve", title="same")
    await store.put_decision(make_decision(evidence=digest_of(theirs)))
    await store.distrust_worker("eve")
    assert await store.served_files(PYPI, REF.project) == ()


# -- distrust --------------------------------------------------------------------------------
async def test_distrust__leaves_the_worker_s_evidence_out(store: Store, clock: FakeClock) -> None:
    honest = await observe(store, clock, worker="pi", title="honest")
    await store.put_decision(make_decision(evidence=digest_of(honest)))
    forged = await observe(store, clock, worker="eve", title="forged")
    decision = make_decision(evidence=digest_of(forged))
    await store.put_decision(decision)
    assert await store.decisions_by_worker("eve") == (decision,)
    assert await store.decisions_by_worker("pi") == ()
    await store.distrust_worker("eve")
    assert await store.latest_evidence(REF.sha256, REF.filename) == honest
    assert await store.evidence(digest_of(forged)) == forged


async def test_distrust__queues_anew_what_was_in_its_hands(store: Store, clock: FakeClock) -> None:
    await observe(store, clock, make_ref("observed"), worker="eve", title="forged")
    await enqueue(store, make_ref("leased"))
    await take(store, clock, worker="eve", lease_id="live")
    await store.distrust_worker("eve")
    assert {(job.state, job.attempts) for job in await store.jobs()} == {(JobState.QUEUED, 0)}
    assert await store.observed_jobs() == ()
    with pytest.raises(LeaseLost):
        await store.heartbeat("live", worker="eve", now=clock.now)
    assert await store.lease(worker="eve", lease_id="more", now=clock.now) is None
    assert (await take(store, clock, worker="pi", lease_id="more")).ref == make_ref("leased")


async def test_distrust__what_was_queued_anew_no_longer_rests_on_that_evidence(
    store: Store, clock: FakeClock
) -> None:
    await observe(store, clock, worker="eve")
    await store.distrust_worker("eve")
    await exhaust(store, clock)
    await store.put_decision(waiting())
    assert await store.jobs() == ()


async def test_distrust__the_name_is_not_given_to_a_new_worker(store: Store) -> None:
    await store.distrust_worker("eve")
    with pytest.raises(StoreConflict):
        await store.add_token(make_token(called="eve", kind=TokenKind.WORKER), actor="a")
    await store.add_token(make_token(called="eve", kind=TokenKind.CLIENT), actor="a")


async def test_distrust__the_same_evidence_by_an_honest_worker_stays(
    store: Store, clock: FakeClock
) -> None:
    await observe(store, clock, worker="eve", title="same")
    await store.put_decision(make_decision())
    same = await observe(store, clock, worker="pi", title="same")
    await store.distrust_worker("eve")
    assert await store.latest_evidence(REF.sha256, REF.filename) == same
