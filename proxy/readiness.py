"""What an unseen package needs beside the door itself, part by part: empty where it is there, else why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from models.clock import Clock
from proxy.artifacts.folder import FolderArtifacts
from proxy.store.port import Store
from proxy.telling.workers import Workers

CHECK_S = 1.0
"""Seconds that a socket may take to accept."""
BACK_S = 5.0
"""Seconds by which a clock may be set back without a word: that is how NTP corrects it."""
TOLD_BACK_S = 600.0
"""Seconds that a clock which went back is told: leases and expiries of before are over by then."""
AHEAD_S = 60.0
"""Seconds by which the newest record may lie in the future: another machine may have written it."""


async def judge_listens(path: Path) -> str:
    """Whether somebody listens on the judge's socket."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(path), CHECK_S)
    except (OSError, TimeoutError):
        return "nobody listens on the judge's socket"
    writer.close()
    return ""


async def worker_seen(workers: Workers) -> str:
    """Whether a worker was heard of lately."""
    return "" if workers.present() else "no worker was heard of in the last two minutes"


async def disk_has_room(artifacts: FolderArtifacts) -> str:
    """Whether a file could be kept."""
    return await asyncio.to_thread(artifacts.trouble)


class ClockWatch:
    """Notices a clock that went back: against the monotonic one, and against the newest record."""

    def __init__(
        self, store: Store, *, clock: Clock, monotonic_s: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._began = self._beginning()
        self._told_since_s: float | None = None
        self._back_s = 0.0

    async def trouble(self) -> str:
        """Why the time cannot be relied on. Raises StoreError."""
        now_s = self._monotonic_s()
        back_s = (self._began - self._beginning()).total_seconds()
        if back_s > BACK_S:
            self._told_since_s, self._back_s = now_s, back_s
        if back_s > BACK_S or back_s < 0:
            self._began = self._beginning()
        if self._told_since_s is not None and now_s - self._told_since_s < TOLD_BACK_S:
            return f"the clock went back by {int(self._back_s)} s"
        return await self._behind_records()

    async def _behind_records(self) -> str:
        newest = await self._store.audit(limit=1)
        ahead_s = (newest[0].at - self._clock()).total_seconds() if newest else 0.0
        if ahead_s <= AHEAD_S:
            return ""
        return f"the clock is {int(ahead_s)} s behind the newest record in the store"

    def _beginning(self) -> datetime:
        """When the monotonic clock was at zero, by the wall clock: it only moves if that one is set."""
        return self._clock() - timedelta(seconds=self._monotonic_s())
