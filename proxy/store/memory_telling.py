"""The part of the store's twin in memory that keeps webhooks, their outbox, and the watch list."""
# ruff: noqa: D102 -- the ports document every method, once, for both stores.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from models.clock import Clock
from models.decision import Action, Decision
from models.work import JobState
from proxy.admin.events import Event, EventKind
from proxy.store.bounds import ERROR_CHARS_MAX, row_limit
from proxy.store.checks import clean
from proxy.store.codec import encode, micros
from proxy.store.gathering import (
    Gathered,
    Gathering,
    added,
    gathers,
    is_installed,
    present,
    summary_id,
    summary_of,
)
from proxy.store.memory_queue import MemoryQueue
from proxy.store.outbox import (
    check_webhook,
    clean_event,
    event_id,
    no_webhook,
    revived_detail,
    webhook_detail,
)
from proxy.store.telling_port import (
    DEAD_MAX,
    OUTBOX_FULL,
    WAITING_MAX,
    Delivery,
    Figures,
    OutboxExtent,
    TellingPort,
    Webhook,
)
from proxy.store.watch_port import Watched, WatchPort, casts_doubt, is_watched


class MemoryTelling(TellingPort, WatchPort):
    """Methods of `MemoryStore`."""

    _clock: Clock
    _queue: MemoryQueue

    def __init__(self) -> None:
        super().__init__()
        self._webhooks: dict[str, Webhook] = {}
        self._deliveries: dict[int, Delivery] = {}
        self._delivery_numbers = 0
        self._gatherings: dict[tuple[str, EventKind, bool], Gathering] = {}
        self._watches: dict[ArtifactRef, Watched] = {}

    # -- what the store has, and this part needs ----------------------------------------------
    def _append_audit(self, actor: str, action: str, subject: str, detail: str) -> None:
        raise NotImplementedError

    def _overrides_active(self, now: datetime) -> int:
        raise NotImplementedError

    # -- webhooks ----------------------------------------------------------------------------
    async def add_webhook(self, webhook: Webhook, *, actor: str) -> None:
        check_webhook(webhook, await self.webhooks())
        micros(webhook.created_at)
        self._append_audit(actor, "webhook_added", webhook.name, webhook_detail(webhook))
        self._webhooks[webhook.id] = webhook

    async def remove_webhook(self, name: str, *, actor: str) -> Webhook:
        webhook = next((one for one in self._webhooks.values() if one.name == name), None)
        if webhook is None:
            raise no_webhook(name)
        self._append_audit(actor, "webhook_removed", name, webhook_detail(webhook))
        del self._webhooks[webhook.id]
        for one in [d for d in self._deliveries.values() if d.webhook_id == webhook.id]:
            del self._deliveries[one.number]
        for key in [key for key in self._gatherings if key[0] == webhook.id]:
            del self._gatherings[key]
        return webhook

    async def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(sorted(self._webhooks.values(), key=lambda one: one.name))

    # -- the outbox --------------------------------------------------------------------------
    async def tell(self, event: Event) -> int:
        return self._tell_now(event)

    def _tell_now(self, event: Event) -> int:
        takers = [one for one in self._webhooks.values() if one.takes(event.kind)]
        event = clean_event(event)
        key, now = event_id(encode(event)), self._clock()
        for webhook in sorted(takers, key=lambda one: one.name):
            known = (webhook.id, key)
            if any((d.webhook_id, d.event_id) == known for d in self._deliveries.values()):
                continue
            if gathers(event.kind):
                self._tell_or_gather(webhook.id, event, key, now)
            else:
                self._put_delivery(webhook.id, key, event, now=now, at=now)
        self._forget_dead()
        return len(takers)

    def _tell_all(self, events: Sequence[Event]) -> None:
        for event in events:
            self._tell_now(event)

    def _tell_or_gather(self, webhook: str, event: Event, key: str, now: datetime) -> None:
        where = (webhook, event.kind, is_installed(event))
        known = present(self._gatherings.get(where), event, now)
        if known.full:
            self._gatherings[where] = self._gather(webhook, known, event, now)
        else:
            self._put_delivery(webhook, key, event, now=now, at=now)
            self._gatherings[where] = replace(known, told=known.told + 1)

    def _gather(self, webhook: str, known: Gathering, event: Event, now: datetime) -> Gathering:
        gathered = added(known.gathered, event)
        waits = self._deliveries.get(known.delivery or 0)
        if waits is not None and not waits.attempts:
            told = summary_of(gathered, at=now)
            self._deliveries[waits.number] = replace(waits, event=told)
            return replace(known, gathered=gathered)
        if known.delivery is not None:
            empty = Gathered(kind=gathered.kind, installed=gathered.installed, since=now)
            gathered = added(empty, event)
        told = summary_of(gathered, at=now)
        key = summary_id(webhook, gathered)
        number = self._put_delivery(webhook, key, told, now=now, at=known.ends_at)
        return replace(known, gathered=gathered, delivery=number)

    def _put_delivery(
        self, webhook: str, key: str, event: Event, *, now: datetime, at: datetime
    ) -> int:
        theirs = [d for d in self._deliveries.values() if d.webhook_id == webhook]
        full = sum(one.dead_at is None for one in theirs) >= WAITING_MAX
        self._delivery_numbers += 1
        self._deliveries[self._delivery_numbers] = Delivery(
            number=self._delivery_numbers,
            webhook_id=webhook,
            event_id=key,
            event=event,
            told_at=now,
            attempts=0,
            next_at=None if full else at,
            dead_at=now if full else None,
            error=OUTBOX_FULL if full else "",
        )
        return self._delivery_numbers

    async def webhooks_due(self, now: datetime) -> tuple[str, ...]:
        return tuple(sorted({one.webhook_id for one in self._due(now)}))

    async def claim_delivery(
        self, webhook_id: str, *, now: datetime, until: datetime
    ) -> Delivery | None:
        found = [one for one in self._due(now) if one.webhook_id == webhook_id]
        if not found:
            return None
        first = min(found, key=lambda one: (one.next_at or now, one.number))
        claimed = replace(first, attempts=first.attempts + 1, next_at=until)
        self._deliveries[first.number] = claimed
        return claimed

    async def delivered(self, number: int) -> None:
        self._deliveries.pop(number, None)

    async def postpone_delivery(self, number: int, *, at: datetime, error: str) -> None:
        one = self._deliveries.get(number)
        if one is not None and one.dead_at is None:
            told = clean(error, ERROR_CHARS_MAX)
            self._deliveries[number] = replace(one, next_at=at, error=told)

    async def bury_delivery(self, number: int, *, error: str, now: datetime) -> None:
        one = self._deliveries.get(number)
        if one is not None:
            told = clean(error, ERROR_CHARS_MAX)
            self._deliveries[number] = replace(one, next_at=None, dead_at=now, error=told)
        self._forget_dead()

    async def dead_deliveries(self, *, limit: int = 100) -> tuple[Delivery, ...]:
        return tuple(self._dead()[: row_limit(limit)])

    async def revive_deliveries(
        self, numbers: Sequence[int] | None, *, actor: str, now: datetime
    ) -> int:
        found = [one for one in self._dead() if numbers is None or one.number in numbers]
        for one in found:
            self._deliveries[one.number] = replace(one, next_at=now, dead_at=None, attempts=0)
        if found:
            detail = revived_detail(len(found))
            self._append_audit(actor, "webhook_retried", "dead letters", detail)
        return len(found)

    async def figures(self, now: datetime) -> Figures:
        waiting = [one for one in self._deliveries.values() if one.dead_at is None]
        jobs = self._queue.open_jobs()
        queued = [job.created_at for job in jobs if job.state is JobState.QUEUED]
        return Figures(
            jobs=tuple(
                (state, sum(job.state is state for job in jobs))
                for state in JobState
                if state is not JobState.DECIDED
            ),
            oldest_job_at=min(queued, default=None),
            overrides_active=self._overrides_active(now),
            watched=len(self._watches),
            outbox=OutboxExtent(
                waiting=len(waiting),
                dead=len(self._deliveries) - len(waiting),
                oldest_at=min((one.told_at for one in waiting), default=None),
            ),
        )

    # -- the watch list ----------------------------------------------------------------------
    async def watched(self, *, project: str = "", limit: int = 100) -> tuple[Watched, ...]:
        found = [one for one in self._watches.values() if project in ("", one.ref.project)]
        return tuple(sorted(found, key=_order)[: row_limit(limit)])

    async def watches_due(
        self, *, analysed_before: datetime, queued_before: datetime, limit: int
    ) -> tuple[Watched, ...]:
        found = [
            one
            for one in self._watches.values()
            if (one.wanted or one.analysed_at <= analysed_before)
            and (one.queued_at is None or one.queued_at <= queued_before)
        ]
        return tuple(sorted(found, key=_order)[: row_limit(limit)])

    async def watches_queued_since(self, moment: datetime) -> int:
        return sum(
            one.queued_at is not None and one.queued_at > moment for one in self._watches.values()
        )

    async def watch_queued(self, ref: ArtifactRef, *, at: datetime) -> None:
        if ref in self._watches:
            self._watches[ref] = replace(self._watches[ref], queued_at=at)

    async def want_watched(self, project: NormalizedName) -> int:
        found = [ref for ref in self._watches if ref.project == project]
        for ref in found:
            self._watches[ref] = replace(self._watches[ref], wanted=True, queued_at=None)
        return len(found)

    def _follow_decision(self, decision: Decision, before: Action | None) -> None:
        ref, now = decision.ref, self._clock()
        if is_watched(decision):
            self._watches.setdefault(
                ref, Watched(ref=ref, since=now, analysed_at=now, queued_at=None, wanted=False)
            )
        else:
            self._watches.pop(ref, None)
        if casts_doubt(decision, before):
            for other, one in tuple(self._watches.items()):
                if (other.index, other.project) == (ref.index, ref.project) and other != ref:
                    self._watches[other] = replace(one, wanted=True)

    def _was_analysed(self, ref: ArtifactRef, now: datetime) -> None:
        if ref in self._watches:
            self._watches[ref] = replace(self._watches[ref], analysed_at=now, wanted=False)

    # -- within ------------------------------------------------------------------------------
    def _due(self, now: datetime) -> list[Delivery]:
        return [d for d in self._deliveries.values() if d.next_at is not None and d.next_at <= now]

    def _dead(self) -> list[Delivery]:
        dead = [(d.dead_at, d.number, d) for d in self._deliveries.values() if d.dead_at]
        return [one for _, _, one in sorted(dead, key=lambda entry: entry[:2], reverse=True)]

    def _forget_dead(self) -> None:
        for one in self._dead()[DEAD_MAX:]:
            del self._deliveries[one.number]


def _order(one: Watched) -> tuple[object, ...]:
    ref = one.ref
    return (not one.wanted, one.analysed_at, ref.index, ref.project, ref.sha256, ref.filename)
