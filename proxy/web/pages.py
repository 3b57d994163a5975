"""The index: each page rendered and compressed once per state of the project, then served as bytes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from time import monotonic

from aiohttp import hdrs, web
from cachetools import LRUCache
from multidict import CIMultiDict
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, parse_project
from policies.modes import Mode, lets_through
from proxy.index.flight import SingleFlight
from proxy.index.guard import guard_page
from proxy.simple.negotiate import Format, choose
from proxy.simple.page import ProjectPage
from proxy.simple.render import render_project, render_projects
from proxy.web.auth import ANONYMOUS, Callers
from proxy.web.door import Door
from proxy.web.metadata import MetadataSource
from proxy.web.problems import problem
from proxy.web.ranges import matches
from proxy.web.ready import Ready, head_of
from proxy.web.served import FACTS

RENDER_INLINE_FILES_MAX = 50
"""Files of a page that is rendered on the event loop, in about 1 ms; a larger one gets a thread."""
RENDERS_WAITING_MAX = 256
"""Pages that are being rendered, or wait for a thread."""
RENDERS_MAX = 2
"""Threads that render at once; each holds a page, its values and its compressed form."""
GZIP_BYTES_MIN = 512
"""Bytes below which compression saves no packet."""
GZIP_LEVEL = 6
PROJECTS_TTL_S = 600
"""Seconds that the rendered project list is kept; it is some 30 MB, and no installer asks for it."""
NAMES_MAX = 8_192
"""Project names remembered as normalised."""
HEADERS_MAX = 256
"""Accept and Accept-Encoding headers remembered; a handful of clients send a handful of them."""


@dataclass(frozen=True, slots=True)
class Representation:
    """One page in one format and one encoding, ready to be sent."""

    body: bytes
    etag: str
    headers: CIMultiDict[str]
    not_modified: CIMultiDict[str]
    head: bytes
    head_not_modified: bytes


@dataclass(slots=True, kw_only=True)
class Entry:
    """One page in one format, with what it was made from."""

    identity: Representation
    gzip: Representation | None
    serial: Hashable
    revision: Hashable
    good_until: datetime | None
    believed_until: float = 0.0
    """Monotonic seconds until which upstream's part is not looked at again; ours always is."""

    @property
    def size_bytes(self) -> int:
        """What it weighs in the cache."""
        return len(self.identity.body) + (len(self.gzip.body) if self.gzip else 0)

    def fresh(self, serial: Hashable, revision: Hashable, now: datetime) -> bool:
        """Whether nothing it was made from has changed."""
        return (
            self.serial == serial
            and self.revision == revision
            and (self.good_until is None or now < self.good_until)
        )


class Pages:
    """Handlers of `/simple/…`."""

    def __init__(self, door: Door, callers: Callers, metadata: MetadataSource) -> None:
        self._door = door
        self._callers = callers
        self._entries: LRUCache[tuple[str, Format, bool], Entry] = LRUCache(
            maxsize=door.settings.pages_bytes_max, getsizeof=lambda entry: entry.size_bytes
        )
        self._renders: SingleFlight[tuple[str, Format, bool, Hashable, Hashable], Entry] = (
            SingleFlight(flights_max=RENDERS_WAITING_MAX, what="pages")
        )
        self._metadata = metadata
        self._threads = asyncio.Semaphore(RENDERS_MAX)

    async def project(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /simple/{project}/: always 200 for a project that exists."""
        token = self._callers.token(request)
        requester = ANONYMOUS if token is None else token.name
        marked = self._door.gate.marks(() if token is None else token.groups)
        stated = request.match_info["project"]
        name = normalised(stated)
        facts = request[FACTS]
        facts["requester"] = requester
        facts["project"] = name
        if name != stated:
            # Relative: the origin is the client's business, never taken from a Host header.
            return _moved(f"../{name}/")
        format_ = choose_format(request.headers.get(hdrs.ACCEPT))
        if format_ is None:
            return problem(406, "Not acceptable", "Ask for JSON or HTML of the simple index.")
        entry = await self._entry(name, format_, marked=marked)
        return _respond(request, entry)

    async def project_without_slash(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /simple/{project}: PEP 503 wants the slash."""
        self._callers.name(request)
        return _moved(f"{parse_project(request.match_info['project'])}/")

    async def root_without_slash(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /simple."""
        self._callers.name(request)
        return _moved("simple/")

    async def projects(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /simple/: upstream's list of names; nothing of ours ever needs it."""
        request[FACTS]["requester"] = self._callers.name(request)
        format_ = choose_format(request.headers.get(hdrs.ACCEPT))
        if format_ is None:
            return problem(406, "Not acceptable", "Ask for JSON or HTML of the simple index.")
        now = self._door.clock()
        entry = self._entries.get(("", format_, True))
        if entry is None or not entry.fresh("", 0, now):
            entry = await self._renders.run(
                ("", format_, True, "", 0), lambda: self._make_list(format_, now)
            )
        return _respond(request, entry)

    async def _entry(self, name: NormalizedName, format_: Format, *, marked: bool) -> Entry:
        door = self._door
        index = door.settings.index
        key = (name, format_, marked)
        entry = self._entries.get(key)
        revision = door.gate.revision(index, name)
        moment = monotonic()
        if (
            entry is not None
            and moment < entry.believed_until
            and revision is not None
            and entry.fresh(entry.serial, revision, door.clock())
        ):
            return entry
        page = await door.index.project(name)
        serial = door.index.serial(name)  # before the next await: it must be this page's
        await door.gate.load(index, name)
        revision = door.gate.revision(index, name)
        entry = self._entries.get(key)
        if entry is None or not entry.fresh(serial, revision, door.clock()):
            entry = await self._renders.run(
                (*key, serial, revision),
                lambda: self._make(name, page, format_, serial, revision, marked=marked),
            )
        entry.believed_until = moment + door.settings.page_believed_s
        return entry

    async def _make(
        self,
        name: NormalizedName,
        page: ProjectPage,
        format_: Format,
        serial: Hashable,
        revision: Hashable,
        *,
        marked: bool,
    ) -> Entry:
        door = self._door
        as_of = door.clock()
        index = door.settings.index
        refs = (
            ArtifactRef(index=index, project=name, filename=file.filename, sha256=file.sha256)
            for file in page.files
            if file.sha256 is not None
        )
        view = await door.gate.view(index, name, refs, as_of=as_of)
        metadata = await self._metadata.known(view.decisions.values())
        decisions = view.decisions
        if not marked:
            # What is only observed is listed as upstream lists it; what acts all the same is marked.
            decisions = {
                key: one
                for key, one in decisions.items()
                if one.served or not lets_through(one, Mode.OBSERVE, unseen=True)
            }

        def make() -> Entry:
            guarded = guard_page(
                page,
                index=index,
                decisions=decisions,
                as_of=as_of,
                fallback=view.fallback and marked,
                metadata=metadata,
            )
            body = render_project(guarded, format=format_)
            return entry_of(body, format_, serial, revision, view.good_until)

        if len(page.files) <= RENDER_INLINE_FILES_MAX:
            entry = make()
        else:
            async with self._threads:
                entry = await asyncio.to_thread(make)
        return self._keep((name, format_, marked), entry)

    async def _make_list(self, format_: Format, now: datetime) -> Entry:
        names = await self._door.index.projects()
        good_until = now + timedelta(seconds=PROJECTS_TTL_S)
        async with self._threads:
            entry = await asyncio.to_thread(
                lambda: entry_of(render_projects(names, format=format_), format_, "", 0, good_until)
            )
        return self._keep(("", format_, True), entry)

    def _keep(self, key: tuple[str, Format, bool], entry: Entry) -> Entry:
        if entry.size_bytes <= self._entries.maxsize:
            self._entries[key] = entry
        return entry


def entry_of(
    body: bytes, format_: Format, serial: Hashable, revision: Hashable, good_until: datetime | None
) -> Entry:
    """The entry of a rendered page; compresses it where that pays."""
    # The two HTML types share their bytes, and a strong tag must tell them apart (RFC 9110, 8.8.1).
    tag = hashlib.sha256(format_.content_type.encode() + b"\n" + body).hexdigest()[:32]
    zipped = gzip.compress(body, GZIP_LEVEL, mtime=0) if len(body) >= GZIP_BYTES_MIN else None
    return Entry(
        identity=_representation(body, f'"{tag}"', format_, encoding=""),
        gzip=_representation(zipped, f'"{tag}-gz"', format_, encoding="gzip") if zipped else None,
        serial=serial,
        revision=revision,
        good_until=good_until,
    )


def _representation(body: bytes, etag: str, format_: Format, *, encoding: str) -> Representation:
    common = CIMultiDict(
        {
            hdrs.ETAG: etag,
            # A 304 is nearly free, and a new verdict takes effect at once (FACTS 1.5).
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.VARY: "Accept, Accept-Encoding",
        }
    )
    headers = common.copy()
    headers[hdrs.CONTENT_TYPE] = format_.content_type
    if format_ is not Format.JSON_V1:
        headers["Content-Security-Policy"] = "default-src 'none'"
    if encoding:
        headers[hdrs.CONTENT_ENCODING] = encoding
    return Representation(
        body=body,
        etag=etag,
        headers=headers,
        not_modified=common,
        head=head_of(200, headers, body),
        head_not_modified=head_of(304, common, b""),
    )


@lru_cache(maxsize=NAMES_MAX)
def normalised(name: str) -> NormalizedName:
    """`parse_project`, remembered."""
    return parse_project(name)


@lru_cache(maxsize=HEADERS_MAX)
def choose_format(accept: str | None) -> Format | None:
    """`choose`, remembered by header value."""
    return choose(accept)


@lru_cache(maxsize=HEADERS_MAX)
def accepts_gzip(header: str) -> bool:
    """Whether Accept-Encoding lets gzip through (RFC 9110, 12.5.3)."""
    for part in header.split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip().lower() in ("gzip", "x-gzip"):
            weight = parameters.replace(" ", "").lower()
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _respond(request: web.Request, entry: Entry) -> web.StreamResponse:
    headers = request.headers
    chosen = entry.identity
    if entry.gzip is not None and accepts_gzip(headers.get(hdrs.ACCEPT_ENCODING, "")):
        chosen = entry.gzip
    if matches(headers.get(hdrs.IF_NONE_MATCH), chosen.etag):
        return Ready(
            status=304, head=chosen.head_not_modified, body=b"", headers=chosen.not_modified
        )
    return Ready(status=200, head=chosen.head, body=chosen.body, headers=chosen.headers)


def _moved(location: str) -> web.Response:
    return web.Response(
        status=301, headers={hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-cache"}
    )
