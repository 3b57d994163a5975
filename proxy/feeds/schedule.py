"""Keeping the feeds of the settings up to date while the proxy runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from models.clock import Clock
from models.errors import PratiqueError
from proxy.feeds.source import FeedSource
from proxy.feeds.updating import FeedUpdater
from proxy.sources.advisories import trouble_of
from proxy.store.port import Feed, Store

LOG = structlog.get_logger()

LOOK_S = 60.0
"""Seconds between two looks whether a feed is due."""
RETRY = timedelta(minutes=15)
"""Time between two tries of a feed that failed."""


class FeedSchedule:
    """Updates one feed after the other, each when it is due; a failure costs only its turn."""

    def __init__(
        self,
        updater: FeedUpdater,
        store: Store,
        sources: Sequence[FeedSource],
        *,
        every: timedelta,
        stale_after: timedelta,
        clock: Clock,
        look_s: float = LOOK_S,
        updates: bool = True,
    ) -> None:
        """`updates`: else it only says how they stand, and another process updates them."""
        self._updates = updates
        self._updater = updater
        self._store = store
        self._sources = tuple(sources)
        self._every = every
        self._stale_after = stale_after
        self._clock = clock
        self._look_s = look_s
        self._trouble = ""

    def notices(self) -> tuple[str, ...]:
        """A sentence for pages where a feed cannot speak for today, as of the last look."""
        return (f"Advisories are out of date: {self._trouble}.",) if self._trouble else ()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception:  # the edge of a task: the next look does it
                LOG.exception("feeds_not_looked_at")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await stop.wait()

    async def look(self) -> int:
        """Update what is due; the number of feeds that were tried. Raises StoreError."""
        tried = 0
        for source in self._sources if self._updates else ():
            known = {feed.name: feed for feed in await self._store.feeds()}
            if self._due(known.get(source.name), source, self._clock()):
                tried += 1
                with suppress(PratiqueError):  # it stands in the log and in the feed's state
                    await self._updater.update(source)
        self._trouble = trouble_of(
            await self._store.feeds(),
            [source.name for source in self._sources],
            self._clock(),
            self._stale_after,
        )
        return tried

    def _due(self, feed: Feed | None, source: FeedSource, now: datetime) -> bool:
        if feed is None or feed.tried_at is None or feed.source != source.shown:
            return True
        wait = min(self._every, RETRY) if feed.error else self._every
        return now - feed.tried_at >= wait
