"""From the outbox to a receiver: signed, retried, dead in the end, and nothing lost on the way."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from models.errors import StoreError
from proxy.store.sqlite import SqliteStore
from proxy.store.telling_port import Webhook
from proxy.telling.delivering import ATTEMPTS_MAX, CLAIM_S, Deliverer, Patience
from proxy.telling.sending import PRIVATE, HttpSender, Outcome
from tests.proxy.store.test_contract_telling import make_event
from tests.proxy.store.values import FakeClock
from tests.proxy.telling.receiver import (
    KEY,
    SECRET,
    open_post,
    open_receiver,
    webhook_to,
)


async def test_deliver__arrives_once_and_its_signature_verifies() -> None:
    async with open_post() as post:
        await post.store.tell(make_event())
        await post.deliverer.deliver_due()
        await post.deliverer.deliver_due()
        (got,) = post.receiver.received
        assert got.signed_with(KEY)
        assert not got.signed_with(b"another key")
        assert got.headers["webhook-timestamp"] == str(int(post.clock().timestamp()))
        assert json.loads(got.body)["data"]["id"] == got.id
        assert await post.waiting() == 0
        assert post.outcomes == ["delivered"]


async def test_deliver__a_failure_is_tried_again_later_under_the_same_id() -> None:
    async with open_post() as post:
        post.receiver.answers = [web.Response(status=500), web.Response(status=502)]
        await post.store.tell(make_event())
        await post.deliverer.deliver_due()
        await post.later(seconds=4.9)
        assert len(post.receiver.received) == 1
        await post.later(seconds=0.1)
        await post.later(seconds=19.9)
        assert len(post.receiver.received) == 2
        await post.later(seconds=0.1)
        first, _, last = post.receiver.received
        assert last.id == first.id
        assert last.signed_with(KEY)
        assert last.headers["webhook-timestamp"] != first.headers["webhook-timestamp"]
        assert await post.waiting() == 0
        assert post.outcomes == ["failed", "failed", "delivered"]


async def test_deliver__what_a_receiver_asks_for_is_granted_for_all_that_waits() -> None:
    async with open_post() as post:
        post.receiver.answers = [web.Response(status=429, headers={"Retry-After": "3600"})]
        await post.store.tell(make_event(sentence="First."))
        await post.store.tell(make_event(sentence="Second."))
        await post.deliverer.deliver_due()
        await post.later(seconds=3_599)
        assert len(post.receiver.received) == 1
        await post.later(seconds=1)
        assert len(post.receiver.received) == 3
        assert await post.waiting() == 0


async def test_deliver__after_enough_attempts_it_is_a_dead_letter_that_says_why() -> None:
    async with open_post() as post:
        post.receiver.answers = [web.Response(status=500) for _ in range(ATTEMPTS_MAX)]
        await post.store.tell(make_event())
        for _ in range(ATTEMPTS_MAX + 5):
            await post.later(hours=7)
        assert len(post.receiver.received) == ATTEMPTS_MAX
        (dead,) = await post.store.dead_deliveries()
        assert (dead.attempts, dead.error) == (ATTEMPTS_MAX, "HTTP 500")
        assert post.outcomes[-1] == "dead"
        await post.store.revive_deliveries(None, actor="alice", now=post.clock())
        await post.deliverer.deliver_due()
        assert await post.store.dead_deliveries() == ()
        assert post.outcomes[-1] == "delivered"


async def test_deliver__a_receiver_that_is_gone_is_not_tried_again() -> None:
    async with open_post() as post:
        post.receiver.answers = [web.Response(status=410)]
        await post.store.tell(make_event())
        await post.deliverer.deliver_due()
        await post.later(days=2)
        assert len(post.receiver.received) == 1
        (dead,) = await post.store.dead_deliveries()
        assert dead.error == "HTTP 410"


async def test_deliver__one_that_may_not_reach_private_addresses_fails_and_says_so() -> None:
    async with open_post(allow_private=False) as post:
        await post.store.tell(make_event())
        await post.deliverer.deliver_due()
        assert post.receiver.received == []
        assert await post.waiting() == 1
        (one,) = post.store._deliveries.values()
        assert one.error == PRIVATE


async def test_deliver__one_broken_receiver_does_not_keep_the_others_waiting() -> None:
    async with open_post() as post, open_receiver() as healthy:
        await post.store.add_webhook(webhook_to(healthy.url, name="healthy"), actor="alice")
        post.receiver.answers = [web.Response(status=500)]
        await post.store.tell(make_event())
        await post.deliverer.deliver_due()
        assert len(healthy.received) == 1
        assert await post.waiting() == 1


async def test_deliver__killed_between_writing_and_sending_nothing_is_lost(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with open_receiver() as receiver:
        before = SqliteStore.open(tmp_path / "x.sqlite", clock=clock)
        await before.add_webhook(webhook_to(receiver.url), actor="alice")
        await before.tell(make_event())
        killed = Deliverer(before, Hanging(), clock=clock, jitter=lambda: 0.0)
        trying = asyncio.create_task(killed.deliver_due())
        await Hanging.begun.wait()
        for task in (trying, *killed._busy.values()):
            task.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        await before.close()

        after = SqliteStore.open(tmp_path / "x.sqlite", clock=clock)
        sender = HttpSender(clock=clock)
        deliverer = Deliverer(after, sender, clock=clock, jitter=lambda: 0.0)
        await deliverer.deliver_due()
        assert receiver.received == [], "it may still be on its way"
        clock.advance(CLAIM_S)
        await deliverer.deliver_due()
        assert [got.signed_with(KEY) for got in receiver.received] == [True]
        assert await after.webhooks_due(clock() + timedelta(days=30)) == ()
        await sender.close()
        await after.close()


class Hanging:
    """A sender in whose hands a delivery stays."""

    begun = asyncio.Event()

    async def send(self, webhook: Webhook, body: bytes, headers: object) -> Outcome:  # noqa: ARG002 - the port's
        self.begun.set()
        await asyncio.Event().wait()
        return Outcome()


async def test_run__delivers_what_another_process_wrote_and_ends_when_told() -> None:
    async with open_post() as post:
        stop = asyncio.Event()
        running = asyncio.create_task(post.deliverer.run(stop))
        await post.store.tell(make_event())
        async with asyncio.timeout(20):
            while not post.receiver.received:  # noqa: ASYNC110 - a receiver rings no bell
                await asyncio.sleep(0.002)
        stop.set()
        async with asyncio.timeout(20):
            await running


@pytest.mark.parametrize("error", [StoreError("down"), RuntimeError("odd")])
async def test_deliver__a_store_that_fails_costs_time_and_nothing_else(error: Exception) -> None:
    async with open_post() as post:
        await post.store.tell(make_event())
        real, failures = post.store.webhooks_due, [error]

        async def flaky(now: datetime) -> tuple[str, ...]:
            if failures:
                raise failures.pop()
            return await real(now)

        post.store.webhooks_due = flaky  # type: ignore[method-assign]
        await post.deliverer.deliver_due()
        assert post.receiver.received == []
        await post.deliverer.deliver_due()
        assert len(post.receiver.received) == 1


async def test_log__one_line_an_attempt_with_no_secret_in_it() -> None:
    with capture_logs() as lines:
        async with open_post() as post:
            post.receiver.answers = [web.Response(status=500, text="internal: hunter2")]
            await post.store.tell(make_event())
            await post.deliverer.deliver_due()
            await post.later(seconds=6)
    told = [line for line in lines if line["event"].startswith("webhook_")]
    assert [line["event"] for line in told] == ["webhook_failed", "webhook_delivered"]
    assert [line["attempt"] for line in told] == [1, 2]
    assert told[0]["status"] == 500
    assert told[0]["wait_s"] == 5
    for secret in (SECRET, "hidden-part", "hunter2", KEY.decode()):
        assert secret not in repr(lines)


def test_patience__grows_by_four_up_to_a_bound_and_never_below_what_is_asked() -> None:
    patience = Patience()
    waits = [patience.wait_s(n, jitter=0) for n in range(1, ATTEMPTS_MAX)]
    assert waits[:5] == [5, 20, 80, 320, 1280]
    assert waits[-1] == 6 * 3600
    assert 12 * 3600 < sum(waits) < 48 * 3600
    assert patience.wait_s(1, jitter=1) == 6
    assert patience.wait_s(1, jitter=0, asked_s=100) == 100
    assert patience.wait_s(9, jitter=0, asked_s=100) == 6 * 3600
