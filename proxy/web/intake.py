"""From an unseen file to a queued job: fetched once, verified, then queued; nobody's request owns it.

The bytes come before the queue: were upstream down, a worker would spend a job's two attempts on
our own trouble, and the artifact would end as `analysis-failed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cachetools import TTLCache

from models.artifact import ArtifactRef
from models.errors import Overloaded, PratiqueError
from models.work import Priority
from proxy.web.door import FETCHES_AHEAD_MAX, FETCHES_MAX, Door
from proxy.web.share import QueueShares
from proxy.web.slots import Slots

LOG = structlog.get_logger()

QUEUED_TTL_S = 30.0
"""Seconds that a queued ref is not queued again; after it the store is asked anew (a self-repair)."""
TROUBLE_TTL_S = 3.0
"""Seconds that a failed fetch is told to whoever asks for the same file, before it is tried again."""
ASKED_AHEAD_MAX = 64
"""Files whose sources are asked ahead at once; the others are asked when they are judged."""
REMEMBERED_MAX = 8_192
"""Refs remembered as queued, or in trouble."""


@dataclass(slots=True)
class _Underway:
    priority: Priority
    client: str
    """Whose place it takes."""
    task: asyncio.Task[None] | None = None
    fetching: bool = False
    """Whether it has its place among those that fetch."""


class Intake:
    """Starts the way of a file into the queue, and knows why it failed."""

    def __init__(self, door: Door, *, ring: Callable[[], None]) -> None:
        self._door = door
        self._ring = ring
        self._underway: dict[str, _Underway] = {}
        self._queued: TTLCache[str, Priority] = TTLCache(REMEMBERED_MAX, QUEUED_TTL_S)
        self._trouble: TTLCache[str, PratiqueError] = TTLCache(REMEMBERED_MAX, TROUBLE_TTL_S)
        self._slots = Slots(
            "files on their way to analysis",
            in_all_max=door.settings.intake_max,
            per_client_max=door.settings.intake_per_client_max,
        )
        self._shares = QueueShares(
            decided=lambda ref: door.gate.stored(ref) is not None and not door.gate.was_let_go(ref),
            share_max=door.settings.queue_share_max,
        )
        self._asking: set[asyncio.Task[None]] = set()
        self._waited_for = asyncio.Semaphore(FETCHES_MAX)
        self._ahead = asyncio.Semaphore(FETCHES_AHEAD_MAX)

    def start(self, ref: ArtifactRef, *, priority: Priority, client: str) -> None:
        """See to it that `ref` gets into the queue. Raises Overloaded where somebody waits for it.

        What is only asked for its metadata is dropped at the bound instead: it is asked for again.
        """
        if ref.key in self._trouble or _covers(self._queued.get(ref.key), priority):
            return
        underway = self._underway.get(ref.key)
        if underway is not None:
            self._raise(ref, underway, priority)
            return
        try:
            self._shares.take(client, ref)
            self._slots.enter(client)
        except Overloaded:
            if priority is Priority.FILE:
                raise
            return
        underway = self._underway[ref.key] = _Underway(priority, client)
        self._begin(ref, underway)

    def trouble(self, ref: ArtifactRef) -> PratiqueError | None:
        """Why `ref` did not get into the queue a moment ago."""
        return self._trouble.get(ref.key)

    async def close(self) -> None:
        """End what is under way; an unqueued file is asked for again by whoever waits."""
        tasks = [underway.task for underway in self._underway.values() if underway.task]
        tasks += self._asking
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, ref: ArtifactRef, underway: _Underway) -> None:
        task = asyncio.create_task(self._run(ref, underway), name="intake")
        underway.task = task
        task.add_done_callback(lambda done: self._ended(ref, done))

    def _raise(self, ref: ArtifactRef, underway: _Underway, priority: Priority) -> None:
        if priority.order >= underway.priority.order:
            return
        underway.priority = priority
        if priority is Priority.FILE and not underway.fetching and underway.task is not None:
            # It stands behind what nobody waits for; a file that somebody waits for does not.
            underway.task.cancel()
            self._begin(ref, underway)

    def _ended(self, ref: ArtifactRef, task: asyncio.Task[None]) -> None:
        underway = self._underway.get(ref.key)
        if underway is not None and underway.task is task:
            del self._underway[ref.key]
            self._slots.leave(underway.client)

    async def _run(self, ref: ArtifactRef, underway: _Underway) -> None:
        try:
            if await self._door.refused(ref):
                return  # whoever waits was woken by its decision
            waited_for = underway.priority is Priority.FILE
            async with self._waited_for if waited_for else self._ahead:
                underway.fetching = True
                path = await self._door.fetcher.ensure(ref)
            await self._enqueue(ref, underway, size_bytes=path.stat().st_size)
        except PratiqueError as error:
            self._failed(ref, error)
        except Exception:
            LOG.exception("intake_failed", filename=ref.filename, sha256=ref.sha256)
            self._failed(ref, PratiqueError("The file could not be queued."))

    async def _enqueue(self, ref: ArtifactRef, underway: _Underway, *, size_bytes: int) -> None:
        door = self._door
        now = door.clock()
        facts = await door.announced(ref)
        if await door.refused(ref):
            return  # it became known while it was fetched
        self._ask_ahead(ref)
        stored = door.gate.stored(ref)
        queued: Priority | None = None
        if stored is not None and stored.evidence_digest is None:
            # A decision without evidence (an override's that ended) does not keep a closed job shut.
            await door.store.enqueue(
                ref, size_bytes=size_bytes, facts=facts, priority=Priority.RESCAN, now=now
            )
        while queued is not underway.priority:  # it may rise while the store writes
            queued = underway.priority
            await door.store.enqueue(
                ref, size_bytes=size_bytes, facts=facts, priority=queued, now=now
            )
        self._queued[ref.key] = queued
        LOG.info("job_queued", filename=ref.filename, sha256=ref.sha256, priority=queued.value)
        self._ring()
        door.nudge()

    def _ask_ahead(self, ref: ArtifactRef) -> None:
        """Ask all sources while boxes look, so that the judge finds their answers kept."""
        if len(self._asking) < ASKED_AHEAD_MAX:
            task = asyncio.create_task(self._ask(ref), name="sources")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, ref: ArtifactRef) -> None:
        try:
            await self._door.facts(ref)
        except PratiqueError as error:
            LOG.info("sources_not_asked", filename=ref.filename, detail=error.message)
        except Exception:  # task edge: the judge asks again, and says so where it fails
            LOG.exception("sources_not_asked", filename=ref.filename)

    def _failed(self, ref: ArtifactRef, error: PratiqueError) -> None:
        LOG.warning(
            "intake_refused",
            filename=ref.filename,
            sha256=ref.sha256,
            error=type(error).__name__,
            detail=error.message,
        )
        self._trouble[ref.key] = error
        self._door.holds.wake(ref)


def _covers(queued: Priority | None, wanted: Priority) -> bool:
    return queued is not None and queued.order <= wanted.order
