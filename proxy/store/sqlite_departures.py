"""The SQLite store's part in departures, and in which bytes stay."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from proxy.admin.events import Event
from proxy.store.bytes_port import BytesPort
from proxy.store.departures_port import Departure, DeparturesPort
from proxy.store.sql import departures, stored_bytes
from proxy.store.sql.connection import Connection


class SqliteDepartures(DeparturesPort, BytesPort):
    """Methods of `SqliteStore`."""

    _on: Connection

    async def depart(self, gone: Sequence[Departure], *, telling: Sequence[Event] = ()) -> None:
        await self._on.write(departures.put, gone, telling_=telling)

    async def came_back(self, refs: Sequence[ArtifactRef]) -> int:
        return await self._on.write(departures.forget, refs)

    async def departures(self, index: IndexName, project: NormalizedName) -> tuple[Departure, ...]:
        return await self._on.read(departures.of_project, index, project)

    async def departed_bytes(self) -> frozenset[Sha256]:
        return await self._on.read(departures.digests)

    async def bytes_needed(self, as_of: datetime) -> frozenset[Sha256]:
        return await self._on.read(stored_bytes.needed, as_of)

    async def last_fetched(self, sha256s: Sequence[Sha256]) -> Mapping[Sha256, datetime]:
        return await self._on.read(stored_bytes.last_fetched, sha256s)
