"""The SQLite store's part in origins."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from packaging.utils import NormalizedName

from models.artifact import IndexName
from proxy.store.origins_port import (
    AnnouncingMove,
    Origin,
    OriginMove,
    OriginsPort,
    announcing_no_move,
)
from proxy.store.sql import origins
from proxy.store.sql.connection import Connection


class SqliteOrigins(OriginsPort):
    """Methods of `SqliteStore`."""

    _on: Connection

    async def bind_origin(self, project: NormalizedName, index: IndexName) -> Origin:
        return await self._on.write(origins.bind, project, index)

    async def origin(self, project: NormalizedName) -> Origin | None:
        return await self._on.read(origins.find, project)

    async def origins(
        self, *, index: str = "", after: str = "", limit: int = 100
    ) -> tuple[Origin, ...]:
        return await self._on.read(origins.page, index=index, after=after, limit=limit)

    async def move_origin(
        self,
        project: NormalizedName,
        to: IndexName,
        *,
        actor: str,
        justification: str,
        telling: AnnouncingMove = announcing_no_move,
    ) -> OriginMove:
        return await self._on.write_through(
            origins.move, project, to, actor=actor, justification=justification, telling=telling
        )

    async def origin_moves(self, *, after: int = 0, limit: int = 100) -> tuple[OriginMove, ...]:
        return await self._on.read(origins.moves, after=after, limit=limit)

    async def newest_origin_move(self) -> int:
        return await self._on.read(origins.newest)
