"""Drift while the server runs: looked at a few times a day, beside the door and never in its way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import structlog

from models.clock import Clock
from models.errors import PratiqueError
from models.trust.drift import DriftReport
from models.trust.reference import Reference
from models.trust.shelf import SHIPPED
from policies.policy import Policy
from proxy.drifting import CATALOG, drift, shipped_reference
from proxy.store.sqlite import SqliteStore

LOG = structlog.get_logger()

FIRST_S = 60.0
"""Seconds from the start to the first look: a server that starts has better things to do."""
EVERY_S = 6 * 3600.0
"""Seconds between two looks. What is compared is a week; a quarter of a day moves it little."""
REST = 19
"""How long it rests after each part, of what the part took."""
REST_MAX_S = 20.0
"""Seconds of such a rest at most, whatever held the part up."""
RECENT = timedelta(days=7)
"""What is compared: what was observed in this time, as `pratique drift` has it by default."""

Told = Callable[[DriftReport | None, datetime], None]
"""What was found, and when; None: the model in force has no reference to be compared with."""


class _Stopped(Exception):
    """The server ends, and does not wait for a look."""


class DriftWatch:
    """Looks over a connection and in a thread of its own, so that no request waits behind it."""

    def __init__(
        self,
        database: Path,
        *,
        policy: Callable[[], Policy],
        told: Told,
        clock: Clock,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._policy = policy
        self._told = told
        self._clock = clock
        self._first_s = first_s
        self._every_s = every_s
        self._ending = threading.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a look that is under way then is given up."""
        pause = self._first_s
        looking: asyncio.Task[None] | None = None
        while not await _set_within(stop, pause):
            looking = asyncio.create_task(self._try())
            ending = asyncio.create_task(stop.wait())
            await asyncio.wait([looking, ending], return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            pause = self._every_s
        self._ending.set()
        if looking is not None:
            await looking

    async def look(self) -> None:
        """Compare, and tell. Raises StoreError, and ArtefactInvalid where the model is broken."""
        # By its name alone: to load the model is seconds on the loop that answers requests.
        reference = shipped_reference(SHIPPED.meant(self._policy().scorer))
        if reference is None:
            # Against the days before, as the command does it, thousands of old files would be read.
            self._told(None, self._clock())
            return
        report = await asyncio.to_thread(self._report, reference)
        self._told(report, self._clock())

    async def _try(self) -> None:
        try:
            await self.look()
        except _Stopped:
            pass
        except PratiqueError as error:
            LOG.warning("drift_not_looked_at", error=error.message)
        except Exception:  # the edge of a task: the next look does it
            LOG.exception("drift_not_looked_at")

    def _report(self, reference: Reference) -> DriftReport:
        last = monotonic()

        def progress(_done: int, _total: int) -> None:
            nonlocal last
            # A thread of the process that answers requests: a twentieth of the time is its.
            if self._ending.wait(min(REST * (monotonic() - last), REST_MAX_S)):
                raise _Stopped
            last = monotonic()

        async def work() -> DriftReport:
            store = SqliteStore.look(self._database, clock=self._clock)
            try:
                return await drift(
                    store,
                    measures=CATALOG,
                    reference=reference,
                    since=self._clock() - RECENT,
                    progress=progress,
                )
            finally:
                await store.close()

        return asyncio.run(work())


async def _set_within(stop: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
