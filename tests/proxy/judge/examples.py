"""A store with work in it, a clock to turn, and judges that fail when told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from models.artifact import ArtifactRef
from models.canonical import Digest
from models.decision import Decision
from models.evidence import Evidence, Layer
from models.facts import Facts
from models.judgement import JudgeRequest
from models.trust.rules import RulesScorer
from models.work import ATTEMPTS_MAX, Priority
from policies.document import parse_policy
from policies.policy import Policy
from proxy.judge.core import LocalJudge
from proxy.judge.desk import Desk, DeskTimes
from proxy.store.memory import MemoryStore
from tests.models.examples import NOW, evidence, facts, ref

QUICK = DeskTimes(
    look_s=0.02, upkeep_s=0.02, upkeep_pause_s=0.001, retry_first_s=0.001, retry_last_s=0.01
)
PATIENCE_S = 20.0
"""Seconds a test waits for what must come; reached only where it does not."""
MODEL = RulesScorer().digest


class Turning:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


class MoodyJudge:
    """The real judgement, behind errors that are raised first, one a question."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.asked: list[JudgeRequest] = []
        self.gate: asyncio.Event | None = None
        self._judge = LocalJudge(RulesScorer())

    async def judge(self, request: JudgeRequest) -> Decision:
        self.asked.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return await self._judge.judge(request)


class Room:
    """A desk with everything around it."""

    def __init__(
        self, *, layers_off: tuple[Layer, ...] = (), store: MemoryStore | None = None
    ) -> None:
        self.clock = Turning()
        self.store = store or MemoryStore(clock=self.clock)
        self.judge = MoodyJudge()
        self.policy: Policy = parse_policy('mode = "enforce"', source="test")
        self.told: list[Decision] = []
        self.facts_errors: list[Exception] = []
        self.facts_of: Callable[[ArtifactRef], Facts] = facts
        self._leases = itertools.count(1)
        self.layers_off = layers_off
        self.model_of: Callable[[Policy], Digest] = lambda _: MODEL
        self.desk = self.new_desk()

    def new_desk(self) -> Desk:
        return Desk(
            store=self.store,
            judge=self.judge,
            policy=lambda: self.policy,
            model_digest=self.model_of,
            clock=self.clock,
            on_decision=self.told.append,
            layers_off=self.layers_off,
            facts=self._facts,
            times=QUICK,
        )

    async def _facts(self, of: ArtifactRef) -> Facts:
        if self.facts_errors:
            raise self.facts_errors.pop(0)
        return self.facts_of(of)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Desk]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.desk.run(stop))
        try:
            yield self.desk
        finally:
            stop.set()
            await task

    async def observe(self, of: ArtifactRef | None = None, **changes: Any) -> Evidence:
        """Enqueue, lease and complete a job."""
        about = of or ref()
        seen = evidence(about, **changes)
        lease_id = await self.lease(about)
        await self.store.complete(lease_id, worker="w1", evidence=seen, blobs=(), now=self.clock())
        return seen

    async def lease(self, of: ArtifactRef | None = None) -> str:
        about = of or ref()
        await self.store.enqueue(
            about, size_bytes=1, facts=facts(about), priority=Priority.RESCAN, now=self.clock()
        )
        lease_id = f"lease-{next(self._leases)}"
        lease = await self.store.lease(worker="w1", lease_id=lease_id, now=self.clock())
        assert lease is not None
        assert lease.ref == about
        return lease_id

    async def fail(self, of: ArtifactRef | None = None) -> None:
        """Let the analysis of `of` fail as often as the queue lets it."""
        for _ in range(ATTEMPTS_MAX):
            lease_id = await self.lease(of)
            await self.store.fail(lease_id, worker="w1", error="broken", now=self.clock())
            self.clock.turn(seconds=5)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - a store rings no bell
                await asyncio.sleep(0.002)

    async def decided(self, of: ArtifactRef | None = None) -> Decision:
        """The stored decision, once there is one."""
        about = of or ref()
        found: list[Decision] = []

        async def there() -> bool:
            decision = await self.store.decision_of(about)
            found[:] = [decision] if decision else []
            return bool(found)

        await self.until(there)
        return found[0]
