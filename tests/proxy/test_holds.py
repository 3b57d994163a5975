"""A wait belongs to the ref: many share one event, none dies with another."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from models.errors import Overloaded
from proxy.holds import LocalHolds
from tests.proxy.web.decided import INDEX, START, ref_of, until

ONE = ref_of("demo-1.0-py3-none-any.whl")
TWO = ref_of("other-1.0-py3-none-any.whl")
LONG_S = 60.0


async def test_wait__every_waiter_wakes() -> None:
    holds = LocalHolds()
    tasks = [asyncio.create_task(holds.wait(ONE, LONG_S, client=f"c{i}")) for i in range(20)]
    await until(lambda: holds.in_all == 20)
    holds.wake(ONE)
    assert await asyncio.gather(*tasks) == [True] * 20
    assert holds.in_all == 0


async def test_wait__other_refs_sleep_on() -> None:
    holds = LocalHolds()
    other = asyncio.create_task(holds.wait(TWO, LONG_S, client="c"))
    await until(lambda: holds.in_all == 1)
    holds.wake(ONE)
    await asyncio.sleep(0)
    assert not other.done()
    holds.wake_project(INDEX, TWO.project)
    assert await other


async def test_wait__time_over_is_false() -> None:
    holds = LocalHolds()
    assert not await holds.wait(ONE, 0.001, client="c")
    assert not await holds.wait(ONE, 0, client="c")
    assert not await holds.wait(ONE, -1, client="c")
    assert holds.in_all == 0


async def test_wait__first_request_going_away_takes_nobody_along() -> None:
    holds = LocalHolds()
    first = asyncio.create_task(holds.wait(ONE, LONG_S, client="a"))
    second = asyncio.create_task(holds.wait(ONE, LONG_S, client="b"))
    await until(lambda: holds.in_all == 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert holds.in_all == 1
    holds.wake(ONE)
    assert await second


async def test_wait__whoever_comes_after_the_wake_waits_for_the_next() -> None:
    holds = LocalHolds()
    first = asyncio.create_task(holds.wait(ONE, LONG_S, client="a"))
    await until(lambda: holds.in_all == 1)
    holds.wake(ONE)
    late = asyncio.create_task(holds.wait(ONE, 0.001, client="b"))
    assert await first
    assert not await late


async def test_wait__one_client_is_bounded() -> None:
    holds = LocalHolds(per_client_max=2)
    tasks = [asyncio.create_task(holds.wait(ONE, LONG_S, client="a")) for _ in range(2)]
    await until(lambda: holds.in_all == 2)
    with pytest.raises(Overloaded):
        await holds.wait(ONE, LONG_S, client="a")
    tasks.append(asyncio.create_task(holds.wait(ONE, LONG_S, client="b")))
    await until(lambda: holds.in_all == 3)
    holds.wake(ONE)
    assert all(await asyncio.gather(*tasks))


async def test_wait__all_together_are_bounded() -> None:
    holds = LocalHolds(in_all_max=3, per_client_max=3)
    tasks = [asyncio.create_task(holds.wait(ONE, LONG_S, client=f"{i}")) for i in range(3)]
    await until(lambda: holds.in_all == 3)
    with pytest.raises(Overloaded):
        await holds.wait(TWO, LONG_S, client="x")
    holds.close()
    await asyncio.gather(*tasks)


async def test_close__wakes_everybody_and_nobody_waits_again() -> None:
    holds = LocalHolds()
    task = asyncio.create_task(holds.wait(ONE, LONG_S, client="a"))
    await until(lambda: holds.in_all == 1)
    holds.close()
    assert await task
    assert not await holds.wait(ONE, LONG_S, client="a")


def test_begun__lasts_until_it_ended() -> None:
    holds = LocalHolds()
    later = START + timedelta(minutes=1)
    assert holds.begun(ONE, client="a", now=START, anew=True) == START
    assert holds.begun(ONE, client="a", now=later, anew=False) == START
    assert holds.begun(ONE, client="b", now=later, anew=False) == later
    holds.ended(ONE, client="a")
    holds.ended(ONE, client="a")
    assert holds.begun(ONE, client="a", now=later, anew=False) == later


def test_begun__anew_begins_anew() -> None:
    holds = LocalHolds()
    later = START + timedelta(hours=1)
    holds.begun(ONE, client="a", now=START, anew=True)
    assert holds.begun(ONE, client="a", now=later, anew=True) == later
