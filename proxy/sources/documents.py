"""A project's JSON document, beside its simple page: fetched once for all who read it, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote, urljoin

import msgspec
from cachetools import LRUCache
from packaging.utils import NormalizedName, canonicalize_name

from analyzer.clean import printable
from analyzer.reputation.ownership import Ownership
from models.artifact import IndexName
from models.clock import Clock
from models.errors import UpstreamError, UpstreamInvalid, UpstreamNotFound
from proxy.errands import Pages
from proxy.index.client import UpstreamClient, read_bounded
from proxy.index.flight import SingleFlight
from proxy.sources.background import Background, parse_document

FRESH_S = 6 * 3_600
"""Seconds a document is believed; owners change seldom, and a release is judged again in between."""
STALE_S = 3 * 86_400
"""Seconds a document may still speak while the upstream fails; its age is told."""
TOTAL_S = 8.0
"""Seconds for one document; an inquiry gives a source ten."""
DOCUMENT_BYTES_MAX = 48 * 1024 * 1024
"""Bytes of one document; it repeats every file of the project, and the largest have some 30 MB."""
INLINE_BYTES_MAX = 64 * 1024
"""Bytes of a document that is parsed on the event loop; larger ones in a thread."""
DOCUMENTS_MAX = 1_000
"""Documents kept, in what is read of them: at most some 25 KB each, a description mostly."""
FLIGHTS_MAX = 64
PEOPLE_MAX = 100
LINKS_MAX = 50
WORD_CHARS_MAX = 100
LINK_CHARS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document said, and when. None: the index has no such document."""

    ownership: Ownership | None
    background: Background | None
    told_at: datetime


class _Role(msgspec.Struct):
    role: str = ""
    user: str = ""


class _Roles(msgspec.Struct):
    roles: list[_Role] = []
    organization: str | None = None


class _Info(msgspec.Struct):
    name: str = ""
    version: str = ""
    author_email: str | None = None
    maintainer_email: str | None = None
    home_page: str | None = None
    download_url: str | None = None
    project_urls: dict[str, str | None] | None = None
    description: str | None = None
    summary: str | None = None
    classifiers: list[str] | None = None


class _Whole(msgspec.Struct):
    """The parts of the document that are read; its lists of files are stepped over."""

    info: _Info
    ownership: _Roles | None = None


class Documents(Protocol):
    """Where documents come from."""

    async def of(self, project: NormalizedName) -> Document:
        """The document of a project. Raises UpstreamError or Overloaded."""


class DocumentsByHome:
    """Documents of several upstreams: a name's home alone is asked of it, as for its page."""

    def __init__(
        self, pages: Pages, by_index: Mapping[IndexName, Documents], *, clock: Clock
    ) -> None:
        """A folder has no documents, and is not in `by_index`."""
        self._pages = pages
        self._by_index = by_index
        self._clock = clock

    async def of(self, project: NormalizedName) -> Document:
        """The document of a project. Raises UpstreamError or Overloaded."""
        home = (await self._pages.project(project)).index
        found = self._by_index.get(home)
        if found is None:
            return Document(ownership=None, background=None, told_at=self._clock())
        return await found.of(project)


class ProjectDocuments:
    """Fetches and keeps documents; one fetch a project at a time."""

    def __init__(self, client: UpstreamClient, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: LRUCache[NormalizedName, Document] = LRUCache(maxsize=DOCUMENTS_MAX)
        self._flights: SingleFlight[NormalizedName, Document] = SingleFlight(
            flights_max=FLIGHTS_MAX, what="project documents"
        )

    async def of(self, project: NormalizedName) -> Document:
        """The document of a project, at most STALE_S old. Raises UpstreamError or Overloaded."""
        kept = self._kept.get(project)
        if kept is not None and self._age(kept) < timedelta(seconds=FRESH_S):
            return kept
        try:
            return await self._flights.run(project, lambda: self._fetch(project))
        except UpstreamError:
            if kept is not None and self._age(kept) < timedelta(seconds=STALE_S):
                return kept
            raise

    async def _fetch(self, project: NormalizedName) -> Document:
        url = urljoin(self._client.url, f"../pypi/{quote(project)}/json")
        ownership: Ownership | None = None
        background: Background | None = None
        try:
            async with self._client.get(
                url, total_s=TOTAL_S, headers={"Accept": "application/json"}, keep_host=True
            ) as answer:
                body = await read_bounded(answer, bytes_max=DOCUMENT_BYTES_MAX)
            if len(body) > INLINE_BYTES_MAX:
                ownership, background = await asyncio.to_thread(_read_both, body, project)
            else:
                ownership, background = _read_both(body, project)
        except UpstreamNotFound:
            pass  # both are None then
        document = Document(ownership=ownership, background=background, told_at=self._clock())
        self._kept[project] = document
        return document

    def _age(self, document: Document) -> timedelta:
        return self._clock() - document.told_at


class DocumentBackgrounds:
    """`Backgrounds` out of project documents."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def of(self, project: NormalizedName) -> Background | None:
        """The background; None where the index has no document of it. Raises UpstreamError."""
        return (await self._documents.of(project)).background


def _read_both(body: bytes, project: NormalizedName) -> tuple[Ownership, Background]:
    return read_document(body, project), parse_document(body)


def read_document(body: bytes, project: NormalizedName) -> Ownership:
    """A document's bytes as a value, every text printable and cut. Raises UpstreamInvalid."""
    try:
        whole = msgspec.json.decode(body, type=_Whole)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UpstreamInvalid("The upstream's project document cannot be read.") from error
    info, roles = whole.info, whole.ownership or _Roles()
    if canonicalize_name(info.name) != project:
        raise UpstreamInvalid("The upstream's project document is that of another project.")
    return Ownership(
        owners=_people(roles, "Owner"),
        maintainers=_people(roles, "Maintainer"),
        organisation=printable(roles.organization or "", WORD_CHARS_MAX),
        links=_links(info),
        author_mail=printable(info.author_email or info.maintainer_email or "", LINK_CHARS_MAX),
        described=bool((info.description or "").strip()) and info.description != "UNKNOWN",
        classifiers=len(info.classifiers or ()),
        version=printable(info.version, WORD_CHARS_MAX),
    )


def _people(roles: _Roles, role: str) -> tuple[str, ...]:
    names = {printable(one.user, WORD_CHARS_MAX) for one in roles.roles if one.role == role}
    return tuple(sorted(names)[:PEOPLE_MAX])


def _links(info: _Info) -> tuple[str, ...]:
    stated = [info.home_page, info.download_url, *(info.project_urls or {}).values()]
    links = [link.strip() for link in stated if link and link.strip() not in ("", "UNKNOWN")]
    return tuple(printable(link, LINK_CHARS_MAX) for link in dict.fromkeys(links))[:LINKS_MAX]
