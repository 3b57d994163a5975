"""Workers that fall silent are told of, once each time."""

from __future__ import annotations

import asyncio

import pytest

from proxy.admin.events import Event, EventKind
from proxy.telling.workers import LOOK_S, SILENT_S, WORKERS_MAX, Workers
from tests.proxy.store.values import FakeClock


class Told:
    """A teller that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def tell(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workers(told: Told, clock: FakeClock) -> Workers:
    return Workers(clock=clock, teller=told)


async def test_look__one_that_is_heard_of_is_present(
    workers: Workers, told: Told, clock: FakeClock
) -> None:
    assert workers.present() == ()
    workers.heard("pi")
    clock.advance(SILENT_S - 1)
    await workers.look()
    assert (workers.present(), told.events) == (("pi",), [])


async def test_look__one_that_falls_silent_is_told_of_once(
    workers: Workers, told: Told, clock: FakeClock
) -> None:
    workers.heard("pi")
    clock.advance(SILENT_S)
    for _ in range(3):
        await workers.look()
    assert workers.present() == ()
    (event,) = told.events
    assert (event.kind, event.subject) == (EventKind.WORKER_LOST, "pi")
    assert "silent since 2025-06-01 12:00 UTC" in event.sentence


async def test_look__one_that_came_back_may_be_lost_again(
    workers: Workers, told: Told, clock: FakeClock
) -> None:
    for _ in range(2):
        workers.heard("pi")
        clock.advance(SILENT_S)
        await workers.look()
    assert len(told.events) == 2


async def test_expect__one_from_before_the_start_is_not_present_but_missed(
    workers: Workers, told: Told, clock: FakeClock
) -> None:
    workers.expect("pi")
    workers.expect("")
    assert workers.present() == ()
    clock.advance(SILENT_S)
    await workers.look()
    assert [event.subject for event in told.events] == ["pi"]
    assert "has not come back" in told.events[0].sentence
    workers.heard("pi")
    assert workers.present() == ("pi",)


async def test_lease_expired__tells_of_those_who_are_not_there(
    workers: Workers, told: Told
) -> None:
    workers.heard("busy")
    for name in ("busy", "", "gone", "gone"):
        await workers.lease_expired(name)
    assert [event.subject for event in told.events] == ["gone"]


async def test_heard__a_bound_on_names(workers: Workers) -> None:
    for number in range(WORKERS_MAX + 5):
        workers.heard(f"w{number}")
    assert len(workers.present()) == WORKERS_MAX


async def test_run__looks_until_it_is_told_to_stop(
    workers: Workers, told: Told, clock: FakeClock
) -> None:
    workers.heard("pi")
    clock.advance(SILENT_S + LOOK_S)
    stop = asyncio.Event()
    running = asyncio.create_task(workers.run(stop))
    async with asyncio.timeout(20):
        while not told.events:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0)
        stop.set()
        await running
