"""A seeded walk: whatever is done to jobs and decisions, both stores answer alike."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.decision import Action, HoldKind
from models.errors import PratiqueError
from models.work import Lease, Priority
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
TITLES = ["first", "second"]
ACTS = ["heartbeat", "stranger", "resolve", "fail", *TITLES]
RARE = ["1", "3", "40", "distrust", "by project", "by bytes"]
DEPENDENCY = sha("dependency")
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

    @rule(ref=refs, priority=st.sampled_from(Priority))
    def enqueue(self, ref: ArtifactRef, priority: Priority) -> None:
        now = self.clock.now
        facts = make_facts(ref, as_of=now)
        self.both(lambda s: s.enqueue(ref, size_bytes=1, facts=facts, priority=priority, now=now))

    @rule(ref=refs, worker=workers)
    def start(self, ref: ArtifactRef, worker: str) -> None:
        """A lease with a file to fetch; a job is there for it if there can be one."""
        self.enqueue(ref, Priority.RESCAN)
        now, lease_id = self.clock.now, f"lease-{len(self.leases)}"
        lease = self.both(lambda s: s.lease(worker=worker, lease_id=lease_id, now=now))
        if isinstance(lease, Lease):
            self.leases.append((worker, lease))
            self.both(lambda s: s.resolved_put(lease_id, DEPENDENCY, "https://up.test/", 1))

    @precondition(lambda self: self.leases)
    @rule(back=st.integers(min_value=0, max_value=2), act=st.sampled_from(ACTS))
    def work(self, back: int, act: str) -> None:
        """What a worker, or a stranger, does with one of the newest leases."""
        now = self.clock.now
        worker, lease = self.leases[max(-1 - back, -len(self.leases))]
        lease_id = lease.lease_id
        match act:
            case "heartbeat":
                self.both(lambda s: s.heartbeat(lease_id, worker=worker, now=now))
            case "stranger":
                self.both(lambda s: s.heartbeat(lease_id, worker="stranger", now=now))
            case "resolve":
                self.both(lambda s: s.resolved_put(lease_id, DEPENDENCY, "https://up.test/", 2))
            case "fail":
                self.both(lambda s: s.fail(lease_id, worker=worker, error="x", now=now))
            case title:
                evidence = make_evidence(lease.ref, title=title)
                self.both(
                    lambda s: s.complete(
                        lease_id, worker=worker, evidence=evidence, blobs=[], now=now
                    )
                )

    @rule(ref=refs, action=st.sampled_from(Action), title=st.sampled_from(["", *TITLES]))
    def decide(self, ref: ArtifactRef, action: Action, title: str) -> None:
        decision = make_decision(
            ref,
            action=action,
            hold=HOLDS[action],
            evidence=digest_of(make_evidence(ref, title=title)) if title else None,
            expires_at=self.clock.now if action is Action.HOLD else None,
        )
        self.both(lambda s: s.put_decision(decision))

    @rule(what=st.sampled_from(RARE))
    def rarely(self, what: str) -> None:
        match what:
            case "distrust":
                self.both(lambda s: s.distrust_worker("server"))
            case "by project":
                self.both(lambda s: s.add_override(make_override("o1", project="a")))
            case "by bytes":
                override = make_override("o2", project=None, sha256=REFS[2].sha256)
                self.both(lambda s: s.add_override(override))
            case seconds:
                self.clock.advance(int(seconds))
                self.both(lambda s: s.expire_leases(self.clock.now))

    @invariant()
    def the_same_is_left(self) -> None:
        self.both(lambda store: everything(store, self.clock.now, self.leases))


async def everything(
    store: Store, now: datetime, leases: Sequence[tuple[str, Lease]]
) -> list[object]:
    """All that a store answers to whoever asks and changes nothing."""
    answers: list[object] = [
        await store.jobs(),
        await store.observed_jobs(),
        await store.decisions(),
        await store.decisions_of(PYPI, name("a")),
        await store.decisions_by_worker("server"),
        await store.served_files(PYPI, name("a")),
        await store.decisions_expired(now, limit=10),
        await store.decisions_not_resting_on(POLICY, MODEL, limit=10),
        await store.changes_since(0),
        await store.changes_before(await store.generation(), limit=3),
        (extent := await store.extent()).count,
        [one.decision for one in await store.standing(after=0, up_to=extent.newest, limit=100)],
        await store.decisions_with(REFS[2].sha256),
        await store.audit(),
        await store.verify_audit(),
    ]
    for ref in REFS:
        answers.append(await store.job_of(ref))
        answers.append(await store.latest_evidence(ref.sha256, ref.filename))
    for _, lease in leases:
        answers.append(await store.resolved_get(lease.lease_id, DEPENDENCY))
    return answers


Twins.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_twins__answer_alike = Twins.TestCase
