"""Reminders: each told once for each threshold, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from models.decision import OverrideAction
from models.errors import StoreError
from proxy.admin.events import Event, EventKind
from proxy.admin.reminders import Reminders
from proxy.store.memory import MemoryStore
from tests.proxy.admin.people import EARS, heard, policy_of
from tests.proxy.store.values import FakeClock, make_override

DAY_S = 86_400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture
async def store(clock: FakeClock) -> MemoryStore:
    store = MemoryStore(clock=clock)
    await store.add_webhook(EARS, actor="test")
    return store


@pytest.fixture
def reminders(store: MemoryStore, clock: FakeClock) -> Reminders:
    policy = policy_of()
    return Reminders(store, policy=lambda: policy, clock=clock, origin="https://p.test", look_s=0.0)


async def test_remind__tells_a_week_and_a_day_before_once_each(
    reminders: Reminders, store: MemoryStore, clock: FakeClock
) -> None:
    await store.add_override(make_override("o1", days=30))
    told = []
    for _ in range(31):
        told.append(await reminders.remind())
        assert await reminders.remind() == 0
        clock.advance(DAY_S)
    assert [day for day, count in enumerate(told) if count] == [23, 29]
    events = await heard(store)
    assert [event.kind for event in events] == [EventKind.OVERRIDE_EXPIRING] * 2
    assert "ends on 2025-07-01 12:00 UTC: because" in events[0].sentence
    assert events[0].url == "https://p.test/overrides"


async def test_remind__of_a_short_one_only_within_its_life(
    reminders: Reminders, store: MemoryStore, clock: FakeClock
) -> None:
    await store.add_override(make_override("o1", days=1))
    await store.add_override(make_override("o2", days=3))
    assert await reminders.remind() == 0
    clock.advance(2.5 * DAY_S)
    assert await reminders.remind() == 1
    assert dict((await heard(store))[0].facts)["override"] == "o2"


async def test_remind__goes_by_when_policy_ends_it(
    reminders: Reminders, store: MemoryStore, clock: FakeClock
) -> None:
    allow = make_override("o1", action=OverrideAction.ALLOW, days=3_000)
    await store.add_override(allow)
    clock.advance(364.5 * DAY_S)
    assert await reminders.remind() == 1


async def test_remind__what_could_not_be_told_is_told_later(clock: FakeClock) -> None:
    class Away(MemoryStore):
        """It fails once."""

        away = True

        async def tell_reminder(
            self, override_id: str, threshold_h: int, *, at: datetime, telling: Sequence[Event] = ()
        ) -> bool:
            if self.away:
                self.away = False
                raise StoreError("The store is away.")
            return await super().tell_reminder(override_id, threshold_h, at=at, telling=telling)

    store = Away(clock=clock)
    await store.add_webhook(EARS, actor="test")
    policy = policy_of()
    reminders = Reminders(store, policy=lambda: policy, clock=clock)
    await store.add_override(make_override("o1", days=30))
    clock.advance(24 * DAY_S)
    with pytest.raises(StoreError):
        await reminders.remind()
    assert await reminders.remind() == 1
    assert len(await heard(store)) == 1


async def test_run__ends_when_it_is_told_to(
    reminders: Reminders, store: MemoryStore, clock: FakeClock
) -> None:
    await store.add_override(make_override("o1", days=30))
    clock.advance(timedelta(days=24).total_seconds())
    stop = asyncio.Event()
    task = asyncio.create_task(reminders.run(stop))
    told: list[Event] = []
    while not told:
        await asyncio.sleep(0)
        told = await heard(store)
    stop.set()
    await task
    assert len(told) == 1
