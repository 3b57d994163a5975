"""The store's part in origins: from which upstream each name comes, and who moved it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import IndexName
from proxy.admin.events import Event

JUSTIFICATION_CHARS_MAX = 1_000
"""Characters of the reason that somebody gives for a move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A name, and the upstream that alone answers for it."""

    project: NormalizedName
    index: IndexName
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginMove:
    """A name that was given to another upstream."""

    number: int
    project: NormalizedName
    was: IndexName
    now: IndexName
    actor: str
    justification: str
    at: datetime


AnnouncingMove = Callable[[OriginMove], Sequence[Event]]
"""What is told of a move, once it has its number."""


def announcing_no_move(_: OriginMove) -> Sequence[Event]:
    """Tell nobody."""
    return ()


class OriginsPort(Protocol):
    """Origins are first seen, and then stay until somebody moves them."""

    async def bind_origin(self, project: NormalizedName, index: IndexName) -> Origin:
        """Bind a name that is not bound; the origin in force, which may be another upstream."""

    async def origin(self, project: NormalizedName) -> Origin | None:
        """Where a name comes from; None where nobody has seen it."""

    async def origins(
        self, *, index: str = "", after: str = "", limit: int = 100
    ) -> tuple[Origin, ...]:
        """Bound names above `after`, in their order; of one upstream alone where `index` is given."""

    async def move_origin(
        self,
        project: NormalizedName,
        to: IndexName,
        *,
        actor: str,
        justification: str,
        telling: AnnouncingMove = announcing_no_move,
    ) -> OriginMove:
        """Give a name to another upstream, audited, and write what is told into the outbox.

        Raises StoreConflict where it is there already, StoreError where nobody has seen it, or beyond
        a bound.
        """

    async def origin_moves(self, *, after: int = 0, limit: int = 100) -> tuple[OriginMove, ...]:
        """Moves with a number above `after`, the oldest first."""

    async def newest_origin_move(self) -> int:
        """The number of the newest move; 0: there was none."""
