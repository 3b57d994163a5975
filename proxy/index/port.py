"""The one small interface of every index, and what a cache needs of the index under it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import IndexName
from proxy.simple.page import ProjectPage


class Index(Protocol):
    """A simple repository. Layers (cache, guard) are indexes over indexes."""

    @property
    def name(self) -> IndexName:
        """The operator's short name for it."""

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page. Raises UpstreamNotFound, or another UpstreamError."""

    async def projects(self) -> tuple[str, ...]:
        """The names of all projects, as the index spells them. Raises UpstreamError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPage:
    """What came over the wire for a project page; `body` is empty where nothing changed."""

    url: str
    """Where it came from in the end; relative links are relative to this."""
    content_type: str
    etag: str
    """Its validator: an entity tag or, where upstream gives none, the date of Last-Modified."""
    body: bytes
    max_age_s: int | None
    """What upstream's Cache-Control says; None where it says nothing."""
    unchanged: bool = False
    """Upstream said 304 to our validator."""
    last_serial: int | None = None
    """X-PyPI-Last-Serial; None where upstream tells none."""


class Ahead(StrEnum):
    """What came of having something at hand before anybody asks for it."""

    FETCHED = "fetched"
    AT_HAND = "at_hand"
    """It was there, and fresh."""
    ABSENT = "absent"
    """Upstream has none."""
    BUSY = "busy"
    """Dropped: there is other work."""
    NO_ROOM = "no_room"
    """It is large, or the disk is rather full."""
    WITHHELD = "withheld"
    """Upstream might learn a name that nobody told it."""
    FAILED = "failed"


class PageSource(Protocol):
    """An index whose pages can be had raw, and conditionally."""

    @property
    def name(self) -> IndexName:
        """The operator's short name for it."""

    async def fetch(self, project: NormalizedName, *, etag: str = "") -> FetchedPage:
        """The raw page. Raises UpstreamNotFound, or another UpstreamError."""

    async def projects(self) -> tuple[str, ...]:
        """The names of all projects. Raises UpstreamError."""
