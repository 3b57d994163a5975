"""The fetch record: who took which bytes, from where and when, durable before the first byte leaves.

Two invariants meet here: nothing acknowledged is lost (7), and what is approved keeps working while
the store is down (3). So a batch that the store does not take goes to an append-only local file,
which is synced before the byte leaves and replayed when the store is back. Only where neither takes
the record is the byte refused. A kill between a replay and the removal of its file repeats records:
a fetch may stand there twice, but never not at all.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
import structlog

from models.errors import Overloaded, StoreError
from proxy.store.port import Fetch, Store

LOG = structlog.get_logger()

PENDING_MAX = 4_096
"""Records that wait for the disk at once; more is refused, so that memory stays bounded."""
BATCH_MAX = 512
"""Records of one transaction."""
SPOOL_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of the local file, about 150,000 records; when it is full, bytes are refused."""
RETRY_S = 1.0
"""Seconds between two tries of a store that failed."""
STORE_S = 10.0
"""Seconds the store may take for a batch; a client waits for it, and pip's patience is 15."""
DRAIN_S = 5.0
"""Seconds that the last batch may take when the process ends."""


@dataclass(frozen=True, slots=True)
class _Pending:
    fetch: Fetch
    durable: asyncio.Future[None]


class FetchLog:
    """A group commit: whoever records while a batch is being written shares the next one."""

    def __init__(
        self,
        *,
        store: Store,
        spool: Path,
        pending_max: int = PENDING_MAX,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
        retry_s: float = RETRY_S,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._spool = Spool(spool, bytes_max=spool_bytes_max)
        self._pending_max = pending_max
        self._retry_s = retry_s
        self._monotonic_s = monotonic_s
        self._pending: deque[_Pending] = deque()
        self._arrived = asyncio.Event()
        self._running = False
        self._store_failed_s: float | None = None
        self._replayed = 0
        """Records at the spool's beginning that are in the store already."""

    @property
    def spooling(self) -> bool:
        """Whether records are waiting on local disk for the store to come back."""
        return self._store_failed_s is not None or self._spool.filled

    @property
    def running(self) -> bool:
        """Whether somebody writes; without a writer nothing is recorded and no byte leaves."""
        return self._running

    async def record(self, fetch: Fetch) -> None:
        """Return once `fetch` is durable. Raises StoreError or Overloaded: the byte must not leave."""
        if not self._running:
            raise StoreError("The fetch record is not being written.")
        if len(self._pending) >= self._pending_max:
            raise Overloaded(
                "Too many fetch records wait for the disk.", next_step="Try again in a few seconds."
            )
        durable = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(fetch, durable))
        self._arrived.set()
        await durable

    async def run(self, stop: asyncio.Event) -> None:
        """Write batches until `stop`, then whatever is still there."""
        ringer = asyncio.create_task(self._ring_at(stop))
        self._running = True
        try:
            await self._replay()
            while not stop.is_set():
                await self._next()
                await self._write_batch()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while self._pending:
                        await self._write_batch()
        finally:
            self._running = False
            ringer.cancel()
            self._refuse(list(self._pending), StoreError("The fetch record has ended."))

    async def _ring_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._arrived.set()

    async def _next(self) -> None:
        """Until there is something to write, or a failed store is due for another try."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry_s if self.spooling else None):
                await self._arrived.wait()
        self._arrived.clear()
        if self.spooling and self._retry_due():
            await self._replay()

    async def _write_batch(self) -> None:
        batch = [self._pending.popleft() for _ in range(min(BATCH_MAX, len(self._pending)))]
        if not batch:
            return
        if self._pending:
            self._arrived.set()
        try:
            await self._write([pending.fetch for pending in batch])
        except StoreError as error:
            self._refuse(batch, error)
            return
        except BaseException:
            self._refuse(batch, StoreError("The fetch record has ended."))
            raise
        for pending in batch:
            if not pending.durable.done():
                pending.durable.set_result(None)

    async def _write(self, fetches: Sequence[Fetch]) -> None:
        # While older records wait on disk, younger ones queue up behind them.
        if not self.spooling:
            try:
                await self._record(fetches)
            except Exception as error:  # noqa: BLE001 - whatever keeps the store from it, disk takes it
                self._failed(error)
            else:
                return
        try:
            await asyncio.to_thread(self._spool.append, fetches)
        except OSError as error:
            LOG.error("fetch_record_refused", error=str(error), fetches=len(fetches))
            raise StoreError(
                "Neither the store nor the local disk takes a fetch record.",
                next_step="Free disk space, or mend the store; `pratique doctor` looks at both.",
            ) from error

    async def _replay(self) -> None:
        """Bring the spooled records into the store, in batches, and then remove their file."""
        try:
            if self._store_failed_s is not None:
                await self._record(())  # before 64 MiB are read for a store that is still away
            fetches = await asyncio.to_thread(self._spool.read)
            while batch := fetches[self._replayed : self._replayed + BATCH_MAX]:
                await self._record(batch)
                self._replayed += len(batch)
            await asyncio.to_thread(self._spool.clear)
            self._replayed = 0
        except Exception as error:  # noqa: BLE001 - the records stay on disk, and are tried again
            self._failed(error)
            return
        if self._store_failed_s is not None or fetches:
            LOG.info("fetch_records_replayed", fetches=len(fetches))
        self._store_failed_s = None

    async def _record(self, fetches: Sequence[Fetch]) -> None:
        async with asyncio.timeout(STORE_S):
            await self._store.record_fetches(fetches)

    def _failed(self, error: Exception) -> None:
        if self._store_failed_s is None:
            LOG.warning("fetch_record_spooled", error=repr(error))
        self._store_failed_s = self._monotonic_s()

    def _retry_due(self) -> bool:
        failed = self._store_failed_s
        return failed is None or self._monotonic_s() - failed >= self._retry_s

    def _refuse(self, batch: Sequence[_Pending], error: StoreError) -> None:
        for pending in batch:
            if not pending.durable.done():
                pending.durable.set_exception(error)


class Spool:
    """An append-only file of JSON lines, synced at each append; its caller is one writer."""

    def __init__(self, path: Path, *, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self.filled = path.exists() and path.stat().st_size > 0
        """Whether there is something to replay."""

    def append(self, fetches: Sequence[Fetch]) -> None:
        """Return once the lines are on disk. Raises OSError where they are not, or the file is full."""
        data = b"".join(msgspec.json.encode(fetch) + b"\n" for fetch in fetches)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(data) > self._bytes_max:
                raise OSError(f"{self._path} has reached its bound of {self._bytes_max} bytes")
            self.filled = True
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data  # a kill cut the line before; it was never acknowledged
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{self._path} took only part of a record")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> tuple[Fetch, ...]:
        """All whole records; a line cut by a kill was never acknowledged and is left out."""
        if not self.filled:
            return ()
        fetches: list[Fetch] = []
        for line in self._path.read_bytes().splitlines():
            try:
                fetches.append(msgspec.json.decode(line, type=Fetch))
            except msgspec.DecodeError:
                LOG.warning("spooled_fetch_damaged", size_bytes=len(line))
        return tuple(fetches)

    def clear(self) -> None:
        """Remove the file after its replay."""
        if self.filled:
            self._path.unlink(missing_ok=True)
            self.filled = False
