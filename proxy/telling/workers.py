"""Which workers are there: when each was last heard of, and telling once that one fell silent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from analyzer.clean import printable
from models.clock import Clock
from proxy.admin.events import Event, EventKind, Teller

LOG = structlog.get_logger()

LOOK_S = 30.0
"""Seconds between two looks."""
SILENT_S = 120.0
"""Seconds without a word after which a worker is lost; an idle one asks for a lease every 25, a busy
one says every 10 that it lives."""
WORKERS_MAX = 1_000
"""Workers remembered; each has a token, so that an admin made them."""


class Workers:
    """Of one process: what its worker API hears, and leases that ran out."""

    def __init__(self, *, clock: Clock, teller: Teller, silent_s: float = SILENT_S) -> None:
        self._clock = clock
        self._teller = teller
        self._silent = timedelta(seconds=silent_s)
        self._heard: dict[str, datetime] = {}
        self._expected: set[str] = set()
        """Those that had leases when this process began, and have not been heard of since."""
        self._lost: set[str] = set()
        """Those that were told of, and not heard of since."""

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again, until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception:  # the edge of a task: the next look does it
                LOG.exception("workers_not_looked_at")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()

    def expect(self, name: str) -> None:
        """A worker has a lease from before this process began: it should be heard of soon."""
        if name and name not in self._heard and len(self._heard) < WORKERS_MAX:
            self._heard[name] = self._clock()
            self._expected.add(name)

    def heard(self, name: str) -> None:
        """A worker asked for something, with a token in force."""
        if name in self._heard or len(self._heard) < WORKERS_MAX:
            self._heard[name] = self._clock()
        self._expected.discard(name)
        self._lost.discard(name)

    def present(self) -> tuple[str, ...]:
        """Workers that were heard of lately, by name."""
        now = self._clock()
        lately = {name for name, at in self._heard.items() if now - at < self._silent}
        return tuple(sorted(lately - self._expected))

    async def look(self) -> None:
        """Tell of each worker that fell silent, once; one that comes back may be lost again."""
        now = self._clock()
        for name, at in sorted(self._heard.items()):
            if now - at >= self._silent:
                del self._heard[name]
                since = "has not come back since" if name in self._expected else "is silent since"
                self._expected.discard(name)
                await self._tell(name, f"{since} {at:%Y-%m-%d %H:%M} UTC")

    async def lease_expired(self, name: str) -> None:
        """A lease of a worker ran out: it is lost, unless it has been heard of since."""
        if name and name not in self.present():
            self._heard.pop(name, None)
            self._expected.discard(name)
            await self._tell(name, "let a lease run out")

    async def _tell(self, name: str, what: str) -> None:
        if name in self._lost or len(self._lost) >= WORKERS_MAX:
            return
        self._lost.add(name)
        shown = printable(name, 100)
        await self._teller.tell(
            Event(
                kind=EventKind.WORKER_LOST,
                at=self._clock(),
                subject=shown,
                sentence=f"The worker {shown} {what}; what it worked on is queued again.",
                facts=(("worker", shown),),
            )
        )
