"""Looking again at what is served under watch: by schedule and on cause, behind everything that is new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from models.artifact import ArtifactRef
from models.clock import Clock
from models.errors import PratiqueError
from proxy.store.port import Store

LOG = structlog.get_logger()

LOOK_S = 60.0
"""Seconds between two looks at the list."""
PER_HOUR_MAX = 60
"""Files queued in an hour, whatever the cause: at some 30 s each half of one box's time."""
QUEUE_BUSY = 20
"""Open jobs from which on the watch list queues nothing: what is new goes first."""
AGAIN = timedelta(hours=6)
"""Time in which one file is queued once at most, unless a person or an advisory asks: an analysis
that fails must not be tried in every look."""
FOREVER = timedelta(days=36_500)
"""Instead of a schedule that is switched off: only what is wanted is due."""


class WatchSchedule:
    """Queues what is due, with the lowest priority there is; decisions follow by themselves."""

    def __init__(
        self,
        store: Store,
        requeue: Callable[[ArtifactRef], Awaitable[bool]],
        *,
        every: timedelta,
        clock: Clock,
        per_hour_max: int = PER_HOUR_MAX,
        look_s: float = LOOK_S,
    ) -> None:
        """`requeue` queues a ref in the background; False where there is no room."""
        self._store = store
        self._requeue = requeue
        self._every = every or FOREVER
        self._clock = clock
        self._per_hour_max = per_hour_max
        self._look_s = look_s

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except PratiqueError as error:
                LOG.warning("watch_not_looked_at", error=error.message)
            except Exception:  # the edge of a task: the next look does it
                LOG.exception("watch_not_looked_at")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await stop.wait()

    async def look(self) -> int:
        """Queue what is due and has room; how many. Raises StoreError."""
        now = self._clock()
        room = await self._room()
        if room <= 0:
            return 0
        due = await self._store.watches_due(
            analysed_before=now - self._every, queued_before=now - AGAIN, limit=room
        )
        queued = 0
        for one in due:
            # Noted first: one that cannot be queued must not be tried in every look.
            await self._store.watch_queued(one.ref, at=now)
            if not await self._requeue(one.ref):
                continue
            queued += 1
            LOG.info(
                "watch_queued",
                project=one.ref.project,
                filename=one.ref.filename,
                sha256=one.ref.sha256,
                wanted=one.wanted,
                analysed_at=one.analysed_at.isoformat(),
            )
        return queued

    async def _room(self) -> int:
        """How many may be queued now."""
        hour_ago = self._clock() - timedelta(hours=1)
        left = self._per_hour_max - await self._store.watches_queued_since(hour_ago)
        open_jobs = len(await self._store.jobs(limit=QUEUE_BUSY))
        return min(left, QUEUE_BUSY - open_jobs)
