"""The keeper: lets old history go in small steps, so that nobody waits long for the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from models.canonical import canonical_json
from models.clock import Clock
from models.errors import PratiqueError
from proxy.keeping.archive import ARCHIVE_ROWS_MAX, archive_audit
from proxy.keeping.folder import keeping_alone
from proxy.keeping.periods import Periods
from proxy.store.keeping_port import Keepable
from proxy.store.port import Store

LOG = structlog.get_logger()

ACTOR = "keeping"
"""Who lets go, in the audit log."""
LOOK_ROWS = 200
"""Rows that one look takes in; a look writes nothing, and takes a few milliseconds."""
STEP_ROWS = {
    Keepable.FETCHES: 200,
    Keepable.DECISIONS: 100,
    Keepable.EVIDENCE: 20,
    Keepable.FACTS: 100,
    Keepable.TRACES: 4,
    Keepable.ORPHANS: 20,
    Keepable.PAGES: 20,
}
"""Rows of one transaction. Of a million fetch records 200 go in some 25 ms (docs/proofs/admin.md); evidence
has 256 KiB at most, a trace 8 MiB."""
AUDIT_STEP_ROWS = 500
LOOKED_AUDIT_ROWS_MAX = 10_000
"""Audit rows that a look counts; the store gives no more at once."""
RECLAIM_PAGES = 256
"""Pages of 4 KiB given back in one transaction."""
PAUSE_S = 0.02
"""Seconds between two transactions: whoever waits for the write lock comes in between."""
FIRST_S = 600.0
"""Seconds after a start until the first run: a start has better to do."""
EVERY_S = 24 * 3600.0
"""Seconds between two runs."""

Progress = Callable[[str, int], None]
"""Told (kind, rows that went so far) after every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What went of a kind, or would go."""

    what: str
    before: datetime
    gone: int
    size_bytes: int = 0
    file: str = ""
    """The newest archive, where rows went into one."""


class Keeper:
    """Lets go of what is older than set; one at a time works in a data folder."""

    def __init__(
        self,
        store: Store,
        periods: Periods,
        data_dir: Path,
        *,
        clock: Clock,
        pause_s: float = PAUSE_S,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._periods = periods
        self._data_dir = data_dir
        self._clock = clock
        self._pause_s = pause_s
        self._first_s = first_s
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Keep once a day until `stop`; a failure is logged, and the next run does it."""
        wait = self._first_s
        while not await _stopped(stop, wait):
            wait = self._every_s
            try:
                kept = await self.keep(stop=stop)
            except PratiqueError as error:
                LOG.warning("history_not_kept", error=error.message)
            except Exception:  # the edge of a task: history that stays is no reason to stop serving
                LOG.exception("history_not_kept")
            else:
                LOG.info("history_kept", **{one.what: one.gone for one in kept})

    async def look(self) -> tuple[Kept, ...]:
        """What would go now, and nothing does. Of orphans, those there are before the rest goes."""
        now = self._clock()
        found = [await self._look(what, before) for what, before in self._periods.cutoffs(now)]
        before = self._periods.audit_before(now)
        if before is not None:
            rows = await self._store.audit_to_archive(before=before, limit=LOOKED_AUDIT_ROWS_MAX)
            found.append(Kept(what="audit", before=before, gone=len(rows)))
        return tuple(found)

    async def keep(
        self, *, stop: asyncio.Event | None = None, progress: Progress = lambda _what, _gone: None
    ) -> tuple[Kept, ...]:
        """Let go of all that is old enough, and give the space back. Raises StoreError."""
        stop = stop or asyncio.Event()
        now = self._clock()
        with keeping_alone(self._data_dir):
            kept = [
                await self._sweep(what, before, stop, progress)
                for what, before in self._periods.cutoffs(now)
            ]
            before = self._periods.audit_before(now)
            if before is not None:
                kept.append(await self._archive(before, stop, progress))
            await self._tell(kept)
            await self._reclaim(stop)
        return tuple(kept)

    async def _look(self, what: Keepable, before: datetime) -> Kept:
        after, gone, size, done = "", 0, 0, False
        while not done:
            swept = await self._store.sweep(
                what, before=before, after=after, limit=LOOK_ROWS, look=True
            )
            after, done = swept.after, swept.done
            gone, size = gone + swept.gone, size + swept.size_bytes
        return Kept(what=what.value, before=before, gone=gone, size_bytes=size)

    async def _sweep(
        self, what: Keepable, before: datetime, stop: asyncio.Event, progress: Progress
    ) -> Kept:
        after, gone, size, done = "", 0, 0, False
        while not done and not stop.is_set():
            swept = await self._store.sweep(
                what, before=before, after=after, limit=LOOK_ROWS, look=True
            )
            if swept.gone:
                swept = await self._store.sweep(
                    what, before=before, after=after, limit=STEP_ROWS[what]
                )
                gone, size = gone + swept.gone, size + swept.size_bytes
                progress(what.value, gone)
                await asyncio.sleep(self._pause_s)
            after, done = swept.after, swept.done
        return Kept(what=what.value, before=before, gone=gone, size_bytes=size)

    async def _archive(self, before: datetime, stop: asyncio.Event, progress: Progress) -> Kept:
        gone, file, more = 0, "", True
        while more and not stop.is_set():
            anchor = await archive_audit(
                self._store, self._data_dir, before=before, clock=self._clock, actor=ACTOR
            )
            begun = gone
            while not stop.is_set() and (
                dropped := await self._store.drop_archived(limit=AUDIT_STEP_ROWS)
            ):
                gone += dropped
                progress("audit", gone)
                await asyncio.sleep(self._pause_s)
            more = gone - begun >= ARCHIVE_ROWS_MAX  # a few rows more make no archive of their own
            file = anchor.file if anchor else file
        return Kept(what="audit", before=before, gone=gone, file=file)

    async def _reclaim(self, stop: asyncio.Event) -> None:
        free = True
        while free and not stop.is_set():
            free = bool(await self._store.reclaim(pages=RECLAIM_PAGES))
            await asyncio.sleep(self._pause_s)

    async def _tell(self, kept: list[Kept]) -> None:
        told = {one.what: one.gone for one in kept if one.gone and not one.file}
        if told:
            await self._store.append_audit(
                actor=ACTOR,
                action="history_let_go",
                subject="store",
                detail=canonical_json(told).decode(),
            )


async def _stopped(stop: asyncio.Event, wait_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await stop.wait()
    return stop.is_set()
