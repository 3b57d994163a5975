"""From the outbox to the receivers: one at a time for each webhook, again and again, then a dead letter.

All that it must remember stands in the store: a delivery is claimed before it is tried, so that
whoever dies over it leaves it to be tried again. It may thus arrive twice, under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from models.clock import Clock
from models.errors import PratiqueError, ValueInvalid
from proxy.store.telling_port import Delivery, TellingPort, Webhook
from proxy.telling.sending import Outcome, Sender
from proxy.telling.signing import signed
from proxy.telling.wording import body_of

LOG = structlog.get_logger()

ATTEMPTS_MAX = 10
"""Attempts for one delivery; with the waits between them they span about a day."""
FIRST_WAIT_S = 5.0
"""Seconds before the second attempt (Standard Webhooks)."""
WAIT_FACTOR = 4.0
WAIT_S_MAX = 6 * 3600.0
"""Seconds between two attempts at most, but for a receiver that asks for more."""
JITTER = 0.2
"""Part of a wait by which it is made longer at random, so that receivers are not hit all at once."""
CLAIM_S = 60.0
"""Seconds after which a delivery whose deliverer died is tried again; an attempt takes 10."""
AT_ONCE = 8
"""Webhooks that are delivered to at once."""
LOOK_S = 1.0
"""Seconds between two looks into the outbox, for what another process wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a delivery is tried, and what lies between."""

    attempts_max: int = ATTEMPTS_MAX
    first_wait_s: float = FIRST_WAIT_S
    wait_s_max: float = WAIT_S_MAX

    def wait_s(self, attempts: int, *, jitter: float, asked_s: float = 0.0) -> float:
        """Seconds after `attempts` failed ones; `jitter` is 0 to 1, `asked_s` what the receiver wants."""
        grown = self.first_wait_s * WAIT_FACTOR ** max(attempts - 1, 0)
        return max(min(grown, self.wait_s_max) * (1 + JITTER * jitter), asked_s)


class Deliverer:
    """The task that empties the outbox."""

    def __init__(
        self,
        store: TellingPort,
        sender: Sender,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        patience: Patience | None = None,
        look_s: float = LOOK_S,
        attempted: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`jitter` gives numbers from 0 to 1; `attempted` is told how each attempt ended."""
        self._attempted = attempted
        self._store = store
        self._sender = sender
        self._clock = clock
        self._jitter = jitter
        self._patience = patience or Patience()
        self._look_s = look_s
        self._bell = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._paused: dict[str, datetime] = {}
        """Webhooks whose receiver asked to be left alone, and until when."""

    def nudge(self) -> None:
        """There may be something to deliver."""
        self._bell.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; what is under way then is tried again by the next run."""
        ringer = asyncio.create_task(self._ring_at(stop), name="deliverer-stop")
        try:
            while not stop.is_set():
                self._bell.clear()
                await self._begin()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_s):
                        await self._bell.wait()
        finally:
            ringer.cancel()
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def deliver_due(self) -> None:
        """One round: all that is due now is tried once."""
        await self._begin()
        await asyncio.gather(*self._busy.values())

    async def _ring_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._bell.set()

    async def _begin(self) -> None:
        try:
            now = self._clock()
            due = await self._store.webhooks_due(now)
            webhooks = {one.id: one for one in await self._store.webhooks()} if due else {}
        except PratiqueError as error:
            LOG.warning("outbox_not_read", error=error.message)
            return
        except Exception:  # task edge: the next look does it
            LOG.exception("outbox_not_read")
            return
        for webhook_id in due:
            webhook = webhooks.get(webhook_id)
            if webhook is None or webhook_id in self._busy or self._pauses(webhook_id, now):
                continue
            task = asyncio.create_task(self._drain(webhook), name=f"webhook-{webhook.name}")
            self._busy[webhook_id] = task
            task.add_done_callback(partial(self._done, webhook_id))

    def _pauses(self, webhook_id: str, now: datetime) -> bool:
        until = self._paused.get(webhook_id)
        if until is not None and until <= now:
            del self._paused[webhook_id]
            until = None
        return until is not None

    def _done(self, webhook_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(webhook_id, None)

    async def _drain(self, webhook: Webhook) -> None:
        """All that is due for one webhook, one after the other."""
        async with self._room:
            try:
                while not self._pauses(webhook.id, now := self._clock()):
                    until = now + timedelta(seconds=CLAIM_S)
                    one = await self._store.claim_delivery(webhook.id, now=now, until=until)
                    if one is None:
                        return
                    await self._deliver(webhook, one)
            except PratiqueError as error:
                LOG.warning("outbox_not_written", webhook=webhook.name, error=error.message)
            except Exception:  # task edge: it is claimed, so it is tried again
                LOG.exception("webhook_broke", webhook=webhook.name)

    async def _deliver(self, webhook: Webhook, one: Delivery) -> None:
        outcome = await attempt(self._sender, webhook, one, at=self._clock())
        now = self._clock()
        if outcome.arrived:
            await self._store.delivered(one.number)
            self._attempted("delivered")
            _log("webhook_delivered", webhook, one, outcome)
        elif outcome.gone or one.attempts >= self._patience.attempts_max:
            await self._store.bury_delivery(one.number, error=outcome.error, now=now)
            self._attempted("dead")
            _log("webhook_dead", webhook, one, outcome)
        else:
            asked_s = outcome.retry_after_s
            wait_s = self._patience.wait_s(one.attempts, jitter=self._jitter(), asked_s=asked_s)
            at = now + timedelta(seconds=wait_s)
            await self._store.postpone_delivery(one.number, at=at, error=outcome.error)
            if asked_s > 0:
                self._paused[webhook.id] = now + timedelta(seconds=asked_s)
            self._attempted("failed")
            _log("webhook_failed", webhook, one, outcome, wait_s=round(wait_s))


async def attempt(sender: Sender, webhook: Webhook, one: Delivery, *, at: datetime) -> Outcome:
    """One attempt, signed as of `at`."""
    body = body_of(webhook.template, one.event, event_id=one.event_id)
    try:
        headers = signed(webhook.secret, one.event_id, at, body)
    except ValueInvalid as error:
        return Outcome(error=error.message)
    return await sender.send(webhook, body, headers)


def _log(
    event: str, webhook: Webhook, one: Delivery, outcome: Outcome, **more: float | str
) -> None:
    """The one line of an attempt: of the URL and the secret nothing."""
    write = LOG.info if outcome.arrived else LOG.warning
    write(
        event,
        webhook=webhook.name,
        event_id=one.event_id,
        kind=one.event.kind.value,
        attempt=one.attempts,
        status=outcome.status,
        error=outcome.error or None,
        duration_ms=outcome.duration_ms,
        **more,
    )
