"""The twin's departures: the same answers as `sql.departures`, from a dictionary."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.decision import Override, OverrideAction
from proxy.admin.events import Event
from proxy.store.bytes_port import BytesPort
from proxy.store.checks import check_departure
from proxy.store.codec import micros
from proxy.store.departures_port import Departure, DeparturesPort
from proxy.store.memory_queue import MemoryQueue
from proxy.store.memory_telling import MemoryTelling
from proxy.store.port import Fetch


class MemoryDepartures(MemoryTelling, DeparturesPort, BytesPort):
    """Methods of `MemoryStore`, which tells what departed."""

    def __init__(self) -> None:
        super().__init__()
        self._departures: dict[ArtifactRef, Departure] = {}

    _overrides: dict[str, Override]
    _fetches: list[Fetch]
    _queue: MemoryQueue

    async def depart(self, gone: Sequence[Departure], *, telling: Sequence[Event] = ()) -> None:
        for one in gone:
            check_departure(one)
            micros(one.since)
        fresh = {one.ref: one for one in reversed(gone) if one.ref not in self._departures}
        self._departures |= fresh
        self._touch_all(tuple(fresh))
        if fresh:
            for event in telling:
                self._tell_now(event)

    async def came_back(self, refs: Sequence[ArtifactRef]) -> int:
        known = tuple(ref for ref in refs if self._departures.pop(ref, None) is not None)
        self._touch_all(known)
        return len(known)

    async def departures(self, index: IndexName, project: NormalizedName) -> tuple[Departure, ...]:
        found = [
            one
            for one in self._departures.values()
            if (one.ref.index, one.ref.project) == (index, project)
        ]
        return tuple(sorted(found, key=lambda one: (one.since, one.ref.sha256, one.ref.filename)))

    async def departed_bytes(self) -> frozenset[Sha256]:
        return frozenset(ref.sha256 for ref in self._departures)

    async def bytes_needed(self, as_of: datetime) -> frozenset[Sha256]:
        needed = {job.ref.sha256 for job in self._queue.open_jobs()}
        for override in self._overrides.values():
            if override.action is OverrideAction.ALLOW and override.active(as_of):
                needed.update(override.bound)
                needed.update({override.sha256} if override.sha256 else ())
        return await self.departed_bytes() | needed

    async def last_fetched(self, sha256s: Sequence[Sha256]) -> Mapping[Sha256, datetime]:
        found: dict[Sha256, datetime] = {}
        for fetch in self._fetches:
            if fetch.ref.sha256 in sha256s:
                found[fetch.ref.sha256] = max(fetch.at, found.get(fetch.ref.sha256, fetch.at))
        return found

    def _touch_all(self, refs: Sequence[ArtifactRef]) -> None:
        for index, project in sorted({(ref.index, ref.project) for ref in refs}):
            self._touch(index, project)

    @abstractmethod
    def _touch(self, index: IndexName, project: NormalizedName) -> None:
        """Raise the generation for a project."""
