"""The twin's origins of names."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.clock import Clock
from proxy.admin.events import Event
from proxy.store.bounds import row_limit
from proxy.store.checks import check_origin_move
from proxy.store.details import origin_detail
from proxy.store.origins_port import (
    AnnouncingMove,
    Origin,
    OriginMove,
    OriginsPort,
    announcing_no_move,
)


class MemoryOrigins(OriginsPort):
    """`OriginsPort` in memory."""

    _clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self._origins: dict[NormalizedName, Origin] = {}
        self._moves: list[OriginMove] = []

    def _append_audit(self, actor: str, action: str, subject: str, detail: str) -> None:
        raise NotImplementedError

    def _tell_all(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    def _touch(self, index: IndexName, project: NormalizedName) -> None:
        raise NotImplementedError

    async def bind_origin(self, project: NormalizedName, index: IndexName) -> Origin:
        made = Origin(project=project, index=index, since=self._clock())
        return self._origins.setdefault(project, made)

    async def origin(self, project: NormalizedName) -> Origin | None:
        return self._origins.get(project)

    async def origins(
        self, *, index: str = "", after: str = "", limit: int = 100
    ) -> tuple[Origin, ...]:
        found = [
            self._origins[name]
            for name in sorted(self._origins)
            if name > after and (not index or self._origins[name].index == index)
        ]
        return tuple(found[: row_limit(limit)])

    async def move_origin(
        self,
        project: NormalizedName,
        to: IndexName,
        *,
        actor: str,
        justification: str,
        telling: AnnouncingMove = announcing_no_move,
    ) -> OriginMove:
        before = self._origins.get(project)
        check_origin_move(before, project, to, justification)
        assert before is not None  # noqa: S101 - checked a line above
        at = self._clock()
        made = OriginMove(
            number=len(self._moves) + 1,
            project=project,
            was=before.index,
            now=to,
            actor=actor,
            justification=justification,
            at=at,
        )
        detail = origin_detail(before.index, to, justification)
        self._append_audit(actor, "origin_moved", project, detail)
        self._origins[project] = Origin(project=project, index=to, since=at)
        self._moves.append(made)
        for index in (before.index, to):
            self._touch(index, project)
        self._tell_all(telling(made))
        return made

    async def origin_moves(self, *, after: int = 0, limit: int = 100) -> tuple[OriginMove, ...]:
        return tuple([one for one in self._moves if one.number > after][: row_limit(limit)])

    async def newest_origin_move(self) -> int:
        return len(self._moves)
