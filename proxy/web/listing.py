"""Which files upstream lists: what nobody lists does not exist, whatever its URL says."""

from __future__ import annotations

from contextlib import suppress

from cachetools import TTLCache
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from models.errors import UpstreamError, UpstreamNotFound
from proxy.simple.page import IndexFile, ProjectPage
from proxy.web.door import Door

REFRESH_S = 20.0
"""Seconds in which invented URLs of one project make us ask upstream for its page at most once."""
PROJECTS_MAX = 4_096
"""Projects whose last such question is remembered."""


class Listing:
    """Looks a ref up on its project's page."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._asked: TTLCache[NormalizedName, bool] = TTLCache(PROJECTS_MAX, REFRESH_S)

    async def check(self, ref: ArtifactRef) -> None:
        """Nothing, where upstream lists the file or a decision knows it.

        Raises UpstreamNotFound, or another UpstreamError where upstream cannot be asked.
        """
        if self._door.gate.stored(ref) is None and await self._find(ref) is None:
            raise UpstreamNotFound("The index lists no such file.")

    async def check_home(self, ref: ArtifactRef) -> None:
        """Nothing, where files of that name may come from that upstream; decisions change nothing in it.

        Raises UpstreamNotFound, or StoreError where nobody can tell.
        """
        index = self._door.index
        if index.home(ref.project) == ref.index or await index.serves(ref.index, ref.project):
            return
        raise UpstreamNotFound(f"{ref.project} does not come from an upstream {ref.index} here.")

    async def entry(self, ref: ArtifactRef) -> IndexFile | None:
        """The file's entry; None where upstream lists it no more, or cannot be asked."""
        with suppress(UpstreamError):  # what is approved keeps working while upstream is down
            return await self._find(ref)
        return None

    async def _find(self, ref: ArtifactRef) -> IndexFile | None:
        index = self._door.index
        entry = _entry(await index.project(ref.project), ref)
        if entry is None and ref.project not in self._asked:
            # Uploaded since we last looked, perhaps; a lock file elsewhere may know it already.
            self._asked[ref.project] = True
            entry = _entry(await index.refresh(ref.project), ref)
        return entry


def _entry(page: ProjectPage, ref: ArtifactRef) -> IndexFile | None:
    """The file as the page lists it, if it is the page of the upstream that `ref` names."""
    return page.file(ref.filename, ref.sha256) if page.index == ref.index else None
