"""Pages without the files that are known to be malicious: what dependencies are resolved from.

A box installs and imports what it resolves for the artifact that is analysed, without asking the
gate. A dependency that is known is not there for it, as if the index had none: the run is then
incomplete, and says which requirement was not found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from packaging.utils import NormalizedName

from models.artifact import Sha256
from proxy.errands import Pages
from proxy.simple.page import ProjectPage

Known = Callable[[ProjectPage], Awaitable[frozenset[Sha256]]]
"""The files of a page that are known to be malicious."""


class WithoutKnown:
    """A layer over pages."""

    def __init__(self, pages: Pages, known: Known) -> None:
        self._pages = pages
        self._known = known

    async def project(self, project: NormalizedName) -> ProjectPage:
        """The page without them. Raises UpstreamError, and StoreError: then nothing is resolved."""
        page = await self._pages.project(project)
        known = await self._known(page)
        if not known:
            return page
        return replace(page, files=tuple(file for file in page.files if file.sha256 not in known))
