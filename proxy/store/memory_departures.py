"""The twin's departures: the same answers as `sql.departures`, from a dictionary."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from proxy.admin.events import Event
from proxy.store.checks import check_departure
from proxy.store.codec import micros
from proxy.store.departures_port import Departure, DeparturesPort
from proxy.store.memory_telling import MemoryTelling


class MemoryDepartures(MemoryTelling, DeparturesPort):
    """Methods of `MemoryStore`, which tells what departed."""

    def __init__(self) -> None:
        super().__init__()
        self._departures: dict[ArtifactRef, Departure] = {}

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

    def _touch_all(self, refs: Sequence[ArtifactRef]) -> None:
        for index, project in sorted({(ref.index, ref.project) for ref in refs}):
            self._touch(index, project)

    @abstractmethod
    def _touch(self, index: IndexName, project: NormalizedName) -> None:
        """Raise the generation for a project."""
