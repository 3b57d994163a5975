"""A seeded walk: whatever is done to jobs and decisions, both stores answer alike."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.canonical import digest_of
from models.decision import Action, HoldKind
from models.errors import PratiqueError
from models.work import JobState, Lease, Priority
from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import (
    MODEL,
    POLICY,
    PYPI,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_override,
    make_ref,
    name,
    sha,
)

REFS = [make_ref("a", "1.0"), make_ref("a", "2.0"), make_ref("b", "1.0")]
refs = st.sampled_from(REFS)
workers = st.sampled_from(["pi", "server"])
lease_numbers = st.integers(min_value=0, max_value=3)
HOLDS = {Action.SERVE: None, Action.DENY: None, Action.HOLD: HoldKind.ANALYSIS}


class Twins(RuleBasedStateMachine):
    """Does the same to both, and compares every answer, every error, and what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="twins-"))
        self.clock = FakeClock()
        self.runner = asyncio.Runner()
        self.sqlite = SqliteStore.open(self.folder / "x.sqlite", clock=self.clock, open_jobs_max=2)
        self.memory = MemoryStore(clock=self.clock, open_jobs_max=2)
        self.leases: list[tuple[str, Lease]] = []
        self.evidence = 0

    def teardown(self) -> None:
        self.runner.run(self.sqlite.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def both(self, call: Callable[[Store], Awaitable[Any]]) -> Any:
        """The answer, or the type of the error, which must be the same."""

        async def answer(store: Store) -> Any:
            try:
                return await call(store)
            except PratiqueError as error:
                return type(error)

        ours, theirs = (self.runner.run(answer(store)) for store in (self.sqlite, self.memory))
        assert ours == theirs
        return ours

    @rule(seconds=st.sampled_from([1, 3, 20, 40]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(ref=refs, priority=st.sampled_from(Priority))
    def enqueue(self, ref: Any, priority: Priority) -> None:
        now = self.clock.now
        facts = make_facts(ref, as_of=now)
        self.both(lambda s: s.enqueue(ref, size_bytes=1, facts=facts, priority=priority, now=now))

    @rule(worker=workers)
    def lease(self, worker: str) -> None:
        lease_id = f"lease-{len(self.leases)}"
        lease = self.both(lambda s: s.lease(worker=worker, lease_id=lease_id, now=self.clock.now))
        if isinstance(lease, Lease):
            self.leases.append((worker, lease))

    @precondition(lambda self: self.leases)
    @rule(number=lease_numbers, worker=workers)
    def use(self, number: int, worker: str) -> None:
        lease_id = self.leases[-1 - number % len(self.leases)][1].lease_id
        now = self.clock.now
        self.both(lambda s: s.heartbeat(lease_id, worker=worker, now=now))
        self.both(lambda s: s.resolved_put(lease_id, sha(worker), "https://up.test/", 1))

    @precondition(lambda self: self.leases)
    @rule(number=lease_numbers)
    def fail(self, number: int) -> None:
        worker, lease = self.leases[-1 - number % len(self.leases)]
        self.both(lambda s: s.fail(lease.lease_id, worker=worker, error="x", now=self.clock.now))

    @precondition(lambda self: self.leases)
    @rule(number=lease_numbers)
    def complete(self, number: int) -> None:
        worker, lease = self.leases[-1 - number % len(self.leases)]
        self.evidence += 1
        evidence = make_evidence(lease.ref, title=str(self.evidence % 3))
        self.both(
            lambda s: s.complete(
                lease.lease_id, worker=worker, evidence=evidence, blobs=[], now=self.clock.now
            )
        )

    @rule()
    def expire(self) -> None:
        self.both(lambda s: s.expire_leases(self.clock.now))

    @rule(ref=refs, action=st.sampled_from(Action), title=st.sampled_from(["", "0", "1", "2"]))
    def decide(self, ref: Any, action: Action, title: str) -> None:
        decision = make_decision(
            ref,
            action=action,
            hold=HOLDS[action],
            evidence=digest_of(make_evidence(ref, title=title)) if title else None,
            expires_at=self.clock.now if action is Action.HOLD else None,
        )
        self.both(lambda s: s.put_decision(decision))

    @rule(project=st.sampled_from(["a", None]))
    def override(self, project: str | None) -> None:
        override = make_override(
            project or "bytes", project=project, sha256=None if project else REFS[2].sha256
        )
        self.both(lambda s: s.add_override(override))

    @rule(worker=st.sampled_from(["server", "nobody"]))
    def distrust(self, worker: str) -> None:
        self.both(lambda s: s.distrust_worker(worker))

    @invariant()
    def the_same_is_left(self) -> None:
        jobs = self.both(lambda s: s.jobs())
        assert all(job.state is not JobState.DECIDED for job in jobs)
        for ref in REFS:
            self.both(lambda s, ref=ref: s.job_of(ref))  # type: ignore[misc]  # bound at once
            self.both(  # the newest believed evidence
                lambda s, ref=ref: s.latest_evidence(ref.sha256, ref.filename)  # type: ignore[misc]
            )
        self.both(lambda s: s.observed_jobs())
        self.both(lambda s: s.decisions())
        self.both(lambda s: s.decisions_of(PYPI, name("a")))
        self.both(lambda s: s.decisions_by_worker("server"))
        self.both(lambda s: s.decisions_expired(self.clock.now, limit=10))
        self.both(lambda s: s.decisions_not_resting_on(POLICY, MODEL, limit=10))
        self.both(lambda s: s.changes_since(0))
        self.both(lambda s: s.audit())
        self.both(lambda s: s.verify_audit())
        for _, lease in self.leases[-2:]:
            self.both(  # capabilities end with their leases
                lambda s, lease=lease: s.resolved_get(lease.lease_id, sha("pi"))  # type: ignore[misc]
            )


Twins.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_twins__answer_alike = Twins.TestCase
