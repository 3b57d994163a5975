"""The fetch record: who took which bytes, from where and when, durable before the first byte leaves.

Two invariants meet here: nothing acknowledged is lost (7), and what is approved keeps working while
the store is down (3). So a record is first written to a local journal, at the price of one write(2),
and goes into the store in batches a moment later: no request waits for the database, whose cost for
a hundred records is little more than for one. While the store is down, records stay in the journal.
Only where neither the journal nor the store takes the record is the byte refused. A kill between a
batch and the removal of its file repeats records: a fetch may stand there twice, but never not at
all (docs/decisions/0027).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

import msgspec
import structlog

from models.errors import Overloaded, StoreError
from proxy.fetchjournal import JOURNAL_BYTES_MAX, Journal, Segment, claim
from proxy.store.port import Fetch, Store

LOG = structlog.get_logger()

PENDING_MAX = 16_384
"""Records that wait for the store at once; more is refused, so that memory stays bounded."""
BATCH_MAX = 1_024
"""Records of one transaction: readers of the store wait for the whole of it."""
GATHER_S = 0.2
"""Seconds that records gather before they go into the store: so much later they show in reports.
The more of them in one transaction, the less each costs, for it writes a page of the file once."""
RETRY_S = 1.0
"""Seconds between two tries of a store that failed."""
STORE_S = 10.0
"""Seconds the store may take for a batch."""
DRAIN_S = 5.0
"""Seconds that the last batches may take when the process ends; what is left stays in the journal."""


class FetchLog:
    """`record` writes to the journal; `run` brings the journal into the store."""

    def __init__(
        self,
        *,
        store: Store,
        folder: Path,
        left: Path | None = None,
        pending_max: int = PENDING_MAX,
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
        gather_s: float = GATHER_S,
        retry_s: float = RETRY_S,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        """`folder` holds the journals of all processes; `left` is one more file to be brought in."""
        self._store = store
        self._journal = Journal(folder, bytes_max=journal_bytes_max)
        self._left = left
        self._pending_max = pending_max
        self._gather_s = gather_s
        self._retry_s = retry_s
        self._monotonic_s = monotonic_s
        self._fresh: list[Fetch] = []
        """What the journal's present file holds, unless `_on_disk`."""
        self._on_disk = False
        """The store is away: what comes stays in the journal alone."""
        self._behind: deque[Segment] = deque()
        self._arrived = asyncio.Event()
        self._one = asyncio.Lock()
        self._running = False
        self._trouble: OSError | None = None
        """Why the journal took no record when it last did not."""
        self._encode = msgspec.json.Encoder().encode

    @property
    def spooling(self) -> bool:
        """Whether records are waiting on local disk for the store to come back."""
        return self._on_disk or bool(self._behind)

    @property
    def running(self) -> bool:
        """Whether somebody writes; without a writer nothing is recorded and no byte leaves."""
        return self._running

    def journalled(self, fetch: Fetch) -> bool:
        """Whether `fetch` is durable now; False: only `record` may still make it so.

        No await: whoever decided before need not decide again. Raises as `record`.
        """
        if not self._running:
            raise StoreError("The fetch record is not being written.")
        if len(self._fresh) >= self._pending_max:
            raise Overloaded(
                "Too many fetch records wait for the store.",
                next_step="Try again in a few seconds.",
            )
        try:
            self._journal.append(self._encode(fetch) + b"\n")
        except OSError as error:
            self._trouble = error
            return False
        if not self._on_disk:
            self._fresh.append(fetch)
        self._arrived.set()
        return True

    async def record(self, fetch: Fetch) -> None:
        """Return once `fetch` is durable. Raises StoreError or Overloaded: the byte must not leave."""
        if not self.journalled(fetch):
            await self._straight(fetch)

    async def flush(self) -> None:
        """Bring into the store what was recorded up to now, if it answers."""
        async with self._one:
            await (self._replay() if self.spooling else self._drain())

    async def run(self, stop: asyncio.Event) -> None:
        """Bring records into the store until `stop`, then whatever is still there."""
        ringer = asyncio.create_task(self._ring_at(stop))
        self._take_over()
        self._running = True
        try:
            while not stop.is_set():
                await self._next(stop)
                await self.flush()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self.flush()
        finally:
            self._running = False
            ringer.cancel()
            with suppress(OSError):
                self._journal.close()

    def _take_over(self) -> None:
        """What processes before us left behind goes first."""
        try:
            self._behind.extend(self._journal.orphans())
        except OSError as error:
            LOG.error("fetch_journals_not_read", error=str(error))
        left = claim(self._left) if self._left is not None else None
        if left is not None:
            self._behind.append(left)
        if self._behind:
            self._arrived.set()

    async def _ring_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._arrived.set()

    async def _next(self, stop: asyncio.Event) -> None:
        """Until there is something to write, or a failed store is due for another try."""
        if self._on_disk:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._retry_s):
                    await stop.wait()
            return
        await self._arrived.wait()
        if not self._behind:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_s):
                    await stop.wait()

    async def _drain(self) -> None:
        """What is fresh, in batches; where the store does not take it, it is in the journal."""
        self._arrived.clear()
        segment, fetches = self._journal.rotate(), self._fresh
        self._fresh = []
        if segment is None:
            return
        try:
            await self._bring(segment, fetches)
        except Exception as error:  # noqa: BLE001 - whatever keeps the store from it, disk has it
            self._behind.append(segment)
            self._failed(error)
        except BaseException:
            self._behind.append(segment)
            raise

    async def _replay(self) -> None:
        """Bring what is only on disk into the store, and then remove its files."""
        self._arrived.clear()
        count = 0
        try:
            if self._on_disk:
                await asyncio.to_thread(self._journal.sync)
                await self._record(())  # before 64 MiB are read for a store that is still away
            while segment := self._oldest():
                fetches = await asyncio.to_thread(segment.read)
                await self._bring(segment, fetches)
                self._behind.popleft()
                count += len(fetches)
        except Exception as error:  # noqa: BLE001 - the records stay on disk, and are tried again
            self._failed(error)
            return
        if count:
            LOG.info("fetch_records_replayed", fetches=count)

    def _oldest(self) -> Segment | None:
        """The file whose turn it is; None: all is in the store, and what comes is fresh again."""
        if not self._behind:
            # No await from here on: a record that comes now is in neither.
            segment = self._journal.rotate() if self._on_disk else None
            if segment is None:
                self._on_disk = False
                if self._fresh:
                    self._arrived.set()
                return None
            self._behind.append(segment)
        return self._behind[0]

    async def _bring(self, segment: Segment, fetches: Sequence[Fetch]) -> None:
        while batch := fetches[segment.done : segment.done + BATCH_MAX]:
            await self._record(batch)
            segment.done += len(batch)
        self._journal.remove(segment)

    async def _record(self, fetches: Sequence[Fetch]) -> None:
        async with asyncio.timeout(STORE_S):
            await self._store.record_fetches(fetches)

    async def _straight(self, fetch: Fetch) -> None:
        """The journal does not take it: perhaps the store does."""
        try:
            if self._on_disk:
                raise StoreError("The store is away.")
            await self._record((fetch,))
        except Exception as error:
            LOG.error("fetch_record_refused", error=str(self._trouble), store=repr(error))
            raise StoreError(
                "Neither the store nor the local disk takes a fetch record.",
                next_step="Free disk space, or mend the store; `pratique doctor` looks at both.",
            ) from error

    def _failed(self, error: Exception) -> None:
        if not self._on_disk:
            LOG.warning("fetch_record_spooled", error=repr(error))
        self._on_disk = True
        # They are in the journal's present file, and will be read from there.
        self._fresh = []
