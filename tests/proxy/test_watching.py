"""The watch list is worked off behind everything else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from models.artifact import ArtifactRef
from models.errors import StoreError
from models.work import Priority
from proxy.store.memory import MemoryStore
from proxy.watching import AGAIN, QUEUE_BUSY, WatchSchedule
from tests.proxy.store.test_contract_watch import analyse, monitored
from tests.proxy.store.values import FakeClock, make_facts, make_ref, name

WEEK = timedelta(hours=168)


class Watch:
    """A schedule over a store with watched files in it."""

    def __init__(self, files: int, *, every: timedelta = WEEK, per_hour_max: int = 60) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(clock=self.clock)
        self.refs = [make_ref(f"p{number:03}") for number in range(files)]
        self.queued: list[ArtifactRef] = []
        self.room = True
        self.schedule = WatchSchedule(
            self.store,
            self._requeue,
            every=every,
            clock=self.clock,
            per_hour_max=per_hour_max,
            look_s=0.01,
        )

    async def begin(self) -> Watch:
        for ref in self.refs:
            await self.store.put_decision(monitored(ref))
        return self

    async def _requeue(self, ref: ArtifactRef) -> bool:
        if self.room:
            self.queued.append(ref)
        return self.room

    async def after(self, span: timedelta) -> int:
        self.clock.advance(span.total_seconds())
        return await self.schedule.look()


async def test_look__queues_what_is_a_week_old_once() -> None:
    watch = await Watch(2).begin()
    assert await watch.after(WEEK - timedelta(seconds=1)) == 0
    assert await watch.after(timedelta(seconds=1)) == 2
    assert await watch.after(timedelta(minutes=1)) == 0
    assert watch.queued == watch.refs


async def test_look__what_was_analysed_waits_for_its_next_turn() -> None:
    watch = await Watch(1).begin()
    assert await watch.after(WEEK) == 1
    await analyse(watch.store, watch.clock, watch.refs[0])
    assert await watch.after(WEEK - timedelta(seconds=1)) == 0
    assert await watch.after(timedelta(seconds=1)) == 1


async def test_look__an_analysis_that_never_came_is_asked_for_again_later() -> None:
    watch = await Watch(1).begin()
    assert await watch.after(WEEK) == 1
    assert await watch.after(AGAIN - timedelta(seconds=1)) == 0
    assert await watch.after(timedelta(seconds=1)) == 1


async def test_look__a_bounded_number_an_hour() -> None:
    watch = await Watch(10, per_hour_max=4).begin()
    assert await watch.after(WEEK) == 4
    assert await watch.after(timedelta(minutes=59)) == 0
    assert await watch.after(timedelta(minutes=1)) == 4
    assert await watch.after(timedelta(hours=1)) == 2
    assert len(set(watch.queued)) == 10


async def test_look__never_while_new_files_wait() -> None:
    watch = await Watch(3).begin()
    for number in range(QUEUE_BUSY):
        ref = make_ref("new", f"{number}.0")
        await watch.store.enqueue(
            ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=watch.clock()
        )
    assert await watch.after(WEEK) == 0
    lease = await watch.store.lease(worker="w", lease_id="l", now=watch.clock())
    assert lease is not None
    assert lease.ref.project == "new"


async def test_look__what_is_wanted_does_not_wait_and_comes_first() -> None:
    watch = await Watch(3).begin()
    await watch.store.want_watched(name("p002"))
    assert await watch.after(timedelta(seconds=1)) == 1
    assert [ref.project for ref in watch.queued] == ["p002"]


async def test_look__switched_off_only_on_cause() -> None:
    watch = await Watch(2, every=timedelta(0)).begin()
    assert await watch.after(timedelta(days=3_650)) == 0
    await watch.store.want_watched(name("p001"))
    assert await watch.after(timedelta(seconds=1)) == 1


async def test_look__one_that_finds_no_room_is_not_counted() -> None:
    watch = await Watch(1).begin()
    watch.room = False
    assert await watch.after(WEEK) == 0
    watch.room = True
    assert await watch.after(AGAIN) == 1


@pytest.mark.parametrize("error", [StoreError("down"), ValueError("odd")])
async def test_run__a_failure_costs_one_look(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await Watch(1).begin()
    watch.clock.advance(WEEK.total_seconds())
    real, failures = watch.store.watches_queued_since, [error]

    async def flaky(moment: object) -> int:
        if failures:
            raise failures.pop()
        return await real(moment)  # type: ignore[arg-type]  # what the schedule gives

    monkeypatch.setattr(watch.store, "watches_queued_since", flaky)
    stop = asyncio.Event()
    running = asyncio.create_task(watch.schedule.run(stop))
    async with asyncio.timeout(20):
        while not watch.queued:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.002)
        stop.set()
        await running
