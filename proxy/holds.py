"""Who waits for which artifact; a wait belongs to the ref and never dies with the request that began it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cachetools import LRUCache
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName
from models.errors import Overloaded

HOLDS_MAX = 2_048
"""Requests that wait at once; each is one parked coroutine and one socket (the usual ulimit is 4,096)."""
HOLDS_PER_CLIENT_MAX = 128
"""Requests of one client that wait at once; uv opens at most 50 at a time."""
BEGUN_MAX = 8_192
"""(client, ref) pairs whose first wait is remembered; the least recently used is forgotten."""


class Holds(Protocol):
    """What the door needs in order to keep somebody waiting (several processes may share it later)."""

    @property
    def in_all(self) -> int:
        """How many wait right now."""

    async def wait(self, ref: ArtifactRef, timeout_s: float, *, client: str) -> bool:
        """True as soon as `ref` is woken, False after the time. Raises Overloaded at a bound."""

    def wake(self, ref: ArtifactRef) -> None:
        """Wake everybody who waits for `ref`."""

    def wake_project(self, index: IndexName, project: NormalizedName) -> None:
        """Wake everybody who waits for a file of `project`."""

    def begun(self, ref: ArtifactRef, *, client: str, now: datetime, anew: bool) -> datetime:
        """When this client's present wait for `ref` began; now, if there is none or it is `anew`."""

    def ended(self, ref: ArtifactRef, *, client: str) -> None:
        """The client has its answer; its next wait begins anew."""

    def close(self) -> None:
        """Wake everybody; from now on nobody waits."""


@dataclass(slots=True)
class _Waiting:
    ref: ArtifactRef
    event: asyncio.Event = field(default_factory=asyncio.Event)
    waiters: int = 0


class LocalHolds:
    """The holds of one process: one event for each ref, however many wait for it."""

    def __init__(
        self, *, in_all_max: int = HOLDS_MAX, per_client_max: int = HOLDS_PER_CLIENT_MAX
    ) -> None:
        self._in_all_max = in_all_max
        self._per_client_max = per_client_max
        self._waiting: dict[str, _Waiting] = {}
        self._by_client: Counter[str] = Counter()
        self._begun: LRUCache[tuple[str, str], datetime] = LRUCache(maxsize=BEGUN_MAX)
        self._in_all = 0
        self._closed = False

    @property
    def in_all(self) -> int:
        """How many wait right now."""
        return self._in_all

    async def wait(self, ref: ArtifactRef, timeout_s: float, *, client: str) -> bool:
        """True as soon as `ref` is woken, False after the time. Raises Overloaded at a bound."""
        if self._closed or timeout_s <= 0:
            return False
        if self._in_all >= self._in_all_max or self._by_client[client] >= self._per_client_max:
            raise Overloaded(
                "Too many requests are already waiting for an analysis.",
                next_step="Try again in a minute.",
            )
        waiting = self._waiting.setdefault(ref.key, _Waiting(ref))
        self._enter(waiting, client)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await waiting.event.wait()
            return waiting.event.is_set()
        finally:
            self._leave(waiting, client)

    def wake(self, ref: ArtifactRef) -> None:
        """Wake everybody who waits for `ref`."""
        # Whoever comes after this waits for the next event, so the set one is taken out.
        waiting = self._waiting.pop(ref.key, None)
        if waiting is not None:
            waiting.event.set()

    def wake_project(self, index: IndexName, project: NormalizedName) -> None:
        """Wake everybody who waits for a file of `project`."""
        refs = [waiting.ref for waiting in self._waiting.values()]
        for ref in refs:
            if ref.project == project and ref.index == index:
                self.wake(ref)

    def begun(self, ref: ArtifactRef, *, client: str, now: datetime, anew: bool) -> datetime:
        """When this client's present wait for `ref` began; now, if there is none or it is `anew`."""
        if anew:
            self._begun[client, ref.key] = now
        return self._begun.setdefault((client, ref.key), now)

    def ended(self, ref: ArtifactRef, *, client: str) -> None:
        """The client has its answer; its next wait begins anew."""
        self._begun.pop((client, ref.key), None)

    def close(self) -> None:
        """Wake everybody; from now on nobody waits."""
        self._closed = True
        for waiting in list(self._waiting.values()):
            self.wake(waiting.ref)

    def _enter(self, waiting: _Waiting, client: str) -> None:
        waiting.waiters += 1
        self._in_all += 1
        self._by_client[client] += 1

    def _leave(self, waiting: _Waiting, client: str) -> None:
        waiting.waiters -= 1
        if waiting.waiters == 0 and self._waiting.get(waiting.ref.key) is waiting:
            del self._waiting[waiting.ref.key]
        self._in_all -= 1
        self._by_client[client] -= 1
        if self._by_client[client] <= 0:
            del self._by_client[client]
