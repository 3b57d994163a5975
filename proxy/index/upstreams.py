"""Several upstreams as one index, in which every name has one home; pages are never joined.

Who owns a name is asked alone. Of a name that nobody owns the first that has it becomes the home, and
stays it: the store remembers. An error is never taken for an absence: who asks gets the error, and the
next upstream is not asked (docs/decisions/0026).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Protocol

import structlog
from cachetools import LRUCache
from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.errors import PratiqueError, StoreError, UpstreamInvalid, UpstreamNotFound
from proxy.admin.origins import BY_SETTINGS, move_name
from proxy.index.freshness import Freshness
from proxy.index.ownership import Ownership
from proxy.index.port import Ahead
from proxy.simple.page import ProjectPage
from proxy.store.origins_port import OriginsPort

LOG = structlog.get_logger()

HOMES_MAX = 65_536
"""Names whose home is kept in memory; a few MB."""
MOVES_READ_MAX = 1_000
"""Moves read in one look; where there are more, memory starts anew."""


class Member(Protocol):
    """One upstream's pages, cached: a CachedIndex."""

    @property
    def name(self) -> IndexName:
        """Its short name."""

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A page. Raises UpstreamNotFound, or another UpstreamError."""

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The page as the upstream has it now."""

    async def projects(self) -> tuple[str, ...]:
        """All names."""

    async def ahead(self, project: NormalizedName) -> Ahead:
        """Have the page at hand. Raises UpstreamError."""

    def serial(self, project: NormalizedName) -> Hashable:
        """Changes when the page does."""

    def freshness(self, project: NormalizedName) -> Freshness | None:
        """How old the page is."""


class Upstreams:
    """An Index over Members; their owner starts and closes them."""

    def __init__(
        self,
        members: Mapping[IndexName, Member],
        ownership: Ownership,
        origins: OriginsPort,
    ) -> None:
        """`members` by name; `origins` is the store."""
        self._members = dict(members)
        self._ownership = ownership
        self._origins = origins
        self._homes: LRUCache[NormalizedName, IndexName] = LRUCache(maxsize=HOMES_MAX)
        self._moves_seen: int | None = None

    def home(self, project: NormalizedName) -> IndexName | None:
        """Where a name comes from, as memory has it; None: ask for its page first."""
        home = self._homes.get(project)
        return home if home is not None and self._may_be(home, project) else None

    def would_be(self, project: NormalizedName) -> IndexName:
        """The upstream that a file of a name counts as of, before anybody was asked; no promise."""
        candidates = self._ownership.candidates(project) or tuple(self._members)
        return self.home(project) or candidates[-1]

    async def serves(self, index: IndexName, project: NormalizedName) -> bool:
        """Whether files of a name may come from an upstream: whatever its pages say, one alone may.

        Raises StoreError where nobody can tell.
        """
        home = self.home(project)
        if home is not None:
            return index == home
        if index not in self._ownership.candidates(project):
            return False
        bound = await self._bound(project)
        if bound is None or not self._may_be(bound, project):
            return bound is None or bool(self._ownership.owners(project))
        self._homes[project] = bound
        return index == bound

    async def project(self, project: NormalizedName) -> ProjectPage:
        """The page of a name's home.

        Raises UpstreamNotFound, another UpstreamError, Overloaded, and StoreError.
        """
        return await self._find(project, lambda member: member.project(project))

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The same as the upstream has it now."""
        return await self._find(project, lambda member: member.refresh(project))

    async def ahead(self, project: NormalizedName, *, told_by: IndexName) -> Ahead:
        """Have a page at hand that nobody asked for yet; `told_by` published the name.

        No upstream hears of a name that it could not have heard of from a request before, or from
        itself; and no name gets its home by this (docs/decisions/0031). Raises UpstreamError,
        Overloaded, and StoreError.
        """
        home = self.home(project) or await self._foreseen(project, told_by)
        return Ahead.WITHHELD if home is None else await self._members[home].ahead(project)

    def serial(self, project: NormalizedName) -> Hashable:
        """Changes when the page, or the home, does."""
        home = self._homes.get(project)
        return object() if home is None else (home, self._members[home].serial(project))

    def freshness(self, project: NormalizedName) -> Freshness | None:
        """How old the page of a name's home is; None where memory has neither."""
        home = self._homes.get(project)
        return None if home is None else self._members[home].freshness(project)

    async def projects(self) -> tuple[str, ...]:
        """Every name once, of those that may answer for it. Raises UpstreamError: half a list is none."""
        if len(self._members) == 1:
            (only,) = self._members.values()
            return await only.projects()
        lists = [(index, await member.projects()) for index, member in self._members.items()]
        return tuple((await asyncio.to_thread(self._ownership.selected, lists)).values())

    async def follow_moves(self) -> None:
        """Forget the homes of names that somebody moved since the last look. Raises StoreError."""
        if self._moves_seen is None:
            self._moves_seen = await self._origins.newest_origin_move()
            self._homes.clear()
            return
        moves = await self._origins.origin_moves(after=self._moves_seen, limit=MOVES_READ_MAX)
        for move in moves:
            self._homes.pop(move.project, None)
            self._moves_seen = move.number

    async def _find(
        self, project: NormalizedName, ask: Callable[[Member], Awaitable[ProjectPage]]
    ) -> ProjectPage:
        home = self.home(project)
        if home is not None:
            return await ask(self._members[home])
        candidates = self._ownership.candidates(project)
        bound = await self._bound(project)
        if bound in candidates:
            self._homes[project] = bound
            return await ask(self._members[bound])
        if bound is not None and not self._ownership.owners(project):
            raise _homeless(project, bound)
        for index in candidates:
            try:
                page = await ask(self._members[index])
            except UpstreamNotFound:  # and nothing else: an error is no absence
                continue
            return await self._settle(project, index, bound, page)
        raise _absent(project, self._ownership.owners(project))

    async def _settle(
        self, project: NormalizedName, index: IndexName, bound: IndexName | None, page: ProjectPage
    ) -> ProjectPage:
        """Remember that `index` answers for a name, before anybody hears its answer."""
        if bound is not None:
            await self._moved(project, index)
        else:
            try:
                bound = (await self._origins.bind_origin(project, index)).index
            except StoreError as error:
                # Only where nobody else could answer may it go unremembered.
                if len(self._ownership.candidates(project)) > 1:
                    raise
                LOG.warning("origin_not_stored", project=project, error=error.message)
                bound = index
            if bound != index:  # another process was faster, and saw another one
                self._homes.pop(project, None)
                return await self.project(project)
        self._homes[project] = index
        return page

    async def _foreseen(self, project: NormalizedName, told_by: IndexName) -> IndexName | None:
        """The one upstream that a request would ask, and that may hear of the name already."""
        candidates = self._ownership.candidates(project)
        bound = await self._bound(project)
        if bound is not None:
            return bound if bound in candidates else None
        owned = bool(self._ownership.owners(project))
        if len(candidates) == 1 and (owned or candidates[0] == told_by):
            return candidates[0]
        return None

    async def _moved(self, project: NormalizedName, to: IndexName) -> None:
        """The settings gave the name an owner that is not where it came from."""
        try:
            await move_name(
                self._origins,
                BY_SETTINGS,
                project,
                to,
                justification="settings or policy say who owns it",
                known=self._members,
            )
        except PratiqueError as error:  # another process was faster; the owner answers in any case
            LOG.warning("origin_not_moved", project=project, error=error.message)

    async def _bound(self, project: NormalizedName) -> IndexName | None:
        """The remembered home. Raises StoreError where it cannot be read and there is a choice."""
        try:
            origin = await self._origins.origin(project)
        except StoreError:
            if len(self._ownership.candidates(project)) > 1:
                raise
            return None
        return None if origin is None else origin.index

    def _may_be(self, index: IndexName, project: NormalizedName) -> bool:
        return index in self._ownership.candidates(project)


def _absent(project: NormalizedName, owners: tuple[IndexName, ...]) -> UpstreamNotFound:
    if owners:
        return UpstreamNotFound(
            f"No project is called {project} on {' or '.join(owners)}, which alone may have it."
        )
    return UpstreamNotFound(f"No upstream has a project called {project}.")


def _homeless(project: NormalizedName, bound: IndexName) -> UpstreamInvalid:
    return UpstreamInvalid(
        f"{project} came from the upstream {bound}, which does not answer for it any more.",
        next_step=f"An admin may name another one: `pratique upstream move {project} --to NAME`.",
    )
