"""A layer over a cached index: pages also list what the index took away and we still have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.errors import StoreError, UpstreamNotFound
from proxy.departures import Departures, with_departed
from proxy.index.cached import CachedIndex
from proxy.index.freshness import Freshness
from proxy.index.port import Ahead
from proxy.simple.page import IndexFile, ProjectPage


class KeptIndex:
    """An Index whose pages say of each departed file since when it is gone."""

    def __init__(self, index: CachedIndex, departures: Departures) -> None:
        """`departures` is told by `index` of each page that changes."""
        self._index = index
        self._departures = departures

    @property
    def name(self) -> IndexName:
        """The name of the index beneath."""
        return self._index.name

    async def project(self, project: NormalizedName) -> ProjectPage:
        """As `CachedIndex.project`; a project that is gone is there while a file of it is kept."""
        return await self._joined(project, self._index.project)

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The same, with the page as upstream has it now."""
        return await self._joined(project, self._index.refresh)

    async def ahead(self, project: NormalizedName) -> Ahead:
        """As `CachedIndex.ahead`."""
        return await self._index.ahead(project)

    def serial(self, project: NormalizedName) -> Hashable:
        """As `CachedIndex.serial`; another one where other files are gone."""
        departed = self._departures.at_hand(self.name, project)
        if departed is None:
            return object()
        below = self._index.serial(project)
        return (below, tuple(file.sha256 for file in departed)) if departed else below

    def freshness(self, project: NormalizedName) -> Freshness | None:
        """As `CachedIndex.freshness`; None where nothing is left but what we kept."""
        return self._index.freshness(project)

    async def projects(self) -> tuple[str, ...]:
        """As the index beneath."""
        return await self._index.projects()

    async def _joined(
        self, project: NormalizedName, ask: Callable[[NormalizedName], Awaitable[ProjectPage]]
    ) -> ProjectPage:
        try:
            page = await ask(project)
        except UpstreamNotFound:
            joined = with_departed(project, None, await self._departed(project), index=self.name)
            if joined is None:
                raise
            return joined
        return with_departed(project, page, await self._departed(project)) or page

    async def _departed(self, project: NormalizedName) -> tuple[IndexFile, ...]:
        with suppress(StoreError):  # what upstream lists is shown all the same
            return await self._departures.of(self.name, project)
        return ()
