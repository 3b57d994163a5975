"""Room for new artifacts: those go that nobody wanted for longest, and never the last copy.

A file that goes is fetched again from its index, verified, when somebody asks for it. Decisions and
evidence stay. What stays whatever happens: files that no index lists any more, files that an
analysis needs, and files that an override in force allows by their bytes, as `pratique policy
grandfather` makes them for lock files. Those are pinned.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from models.clock import Clock
from models.errors import PratiqueError
from proxy.artifacts.folder import FolderArtifacts, StoredFile
from proxy.store.bytes_port import BytesPort

LOG = structlog.get_logger()

LOOK_S = 60.0
"""Seconds between two looks at how full the folder is."""
COUNT_EVERY = timedelta(hours=1)
"""Time between two counts of the folder at the longest: other processes write into it, too."""
FULL = 0.9
"""Share of the bound from which files go."""
ENOUGH = 0.8
"""Share of the bound at which it is enough."""
YOUNG = timedelta(hours=1)
"""How long a file stays after it came or was fetched: somebody may be about to read it."""
BATCH = 500
"""Files whose last fetch is asked for at once; some 5 ms of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evicted:
    """What went."""

    files: int = 0
    size_bytes: int = 0
    pinned_bytes: int = 0
    """Bytes of what stays whatever happens."""
    short_bytes: int = 0
    """Bytes that should have gone as well, and could not."""


class Evictor:
    """Keeps the folder of artifacts below its bound."""

    def __init__(
        self, store: BytesPort, artifacts: FolderArtifacts, *, clock: Clock, unused_days: int = 0
    ) -> None:
        """`unused_days`: files that nobody fetched for so long go at any rate; 0: none does."""
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._unused = timedelta(days=unused_days) if unused_days else None
        self._counted_at: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Look once a minute until `stop`; a failure is logged, and the next look does it."""
        while not stop.is_set():
            try:
                if self._due():
                    await self.evict()
            except PratiqueError as error:
                LOG.warning("artifacts_not_evicted", error=error.message)
            except Exception:  # the edge of a task: a full disk refuses new files, and says so
                LOG.exception("artifacts_not_evicted")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()

    async def evict(self) -> Evicted:
        """Let go of what is too old, and of what is too much. Raises StoreError."""
        now = self._clock()
        self._counted_at = now
        files = await asyncio.to_thread(self._artifacts.files)
        needed = await self._store.bytes_needed(now)
        free = [file for file in files if file.sha256 not in needed]
        used_at = await self._used_at(free)
        free.sort(key=lambda file: (used_at[file.sha256], file.sha256))
        total = sum(file.size_bytes for file in files)
        bound = self._artifacts.bytes_max
        surplus = total - int(bound * ENOUGH) if total >= bound * FULL else 0
        gone, size = 0, 0
        for file in free:
            idle = now - used_at[file.sha256]
            too_old = self._unused is not None and idle > self._unused
            if idle < YOUNG or not (too_old or size < surplus):
                break  # the rest was wanted later still
            if await asyncio.to_thread(self._artifacts.remove, file.sha256):
                gone, size = gone + 1, size + file.size_bytes
        evicted = Evicted(
            files=gone,
            size_bytes=size,
            pinned_bytes=sum(file.size_bytes for file in files if file.sha256 in needed),
            short_bytes=max(surplus - size, 0),
        )
        self._log(evicted)
        return evicted

    def _due(self) -> bool:
        if self._artifacts.used_bytes() >= self._artifacts.bytes_max * FULL:
            return True
        return self._counted_at is None or self._clock() - self._counted_at >= COUNT_EVERY

    async def _used_at(self, files: list[StoredFile]) -> dict[str, datetime]:
        """When each was last wanted: when it came, or was fetched since."""
        zone = self._clock().tzinfo
        found: dict[str, datetime] = {
            file.sha256: datetime.fromtimestamp(file.stored_at, tz=zone) for file in files
        }
        for begin in range(0, len(files), BATCH):
            batch = [file.sha256 for file in files[begin : begin + BATCH]]
            for sha256, at in (await self._store.last_fetched(batch)).items():
                found[sha256] = max(at, found[sha256])
        return found

    def _log(self, evicted: Evicted) -> None:
        if evicted.short_bytes:
            LOG.error(
                "artifacts_fill_the_disk",
                short_bytes=evicted.short_bytes,
                pinned_bytes=evicted.pinned_bytes,
                detail="Raise disk_bytes_max, or end overrides that are no longer needed.",
            )
        if evicted.files:
            LOG.info("artifacts_evicted", files=evicted.files, size_bytes=evicted.size_bytes)
