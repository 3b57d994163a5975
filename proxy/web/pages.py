"""The index: each page rendered once per state of the project, compressed once asked for, served as bytes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from time import monotonic

from aiohttp import hdrs, web
from cachetools import LRUCache
from isal import igzip
from multidict import CIMultiDict
from packaging.utils import NormalizedName

from models.artifact import parse_project
from policies.modes import Mode, lets_through
from proxy.index.flight import SingleFlight
from proxy.index.guard import guard_page
from proxy.simple.negotiate import Coding, Format, choose, choose_coding
from proxy.simple.page import ProjectPage, last_serial_of
from proxy.simple.render import render_project
from proxy.web.aged import AGE_UNKNOWN, Aged, aged_by
from proxy.web.auth import ANONYMOUS, Callers
from proxy.web.door import Door
from proxy.web.metadata import MetadataSource
from proxy.web.problems import problem
from proxy.web.projectlist import ProjectList
from proxy.web.ranges import matches
from proxy.web.ready import Ready, head_of
from proxy.web.representation import not_modified, page_headers, tag_of
from proxy.web.served import FACTS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RENDER_INLINE_FILES_MAX = 200
"""Files of a page that is made on the event loop, in 1 to 2 ms; a larger one gets a thread."""
RENDERS_WAITING_MAX = 256
"""Pages that are being rendered, or wait for a thread."""
RENDERS_MAX = 2
"""Threads that render at once; each holds a page, and its values or its compressed form."""
PageKey = tuple[str, Format, bool]
"""Project, format, and whether it is marked."""
CODE_INLINE_BYTES_MAX = 100_000
"""Bytes of a page that is compressed on the event loop, in 0.3 to 0.6 ms; a larger one gets a thread."""
CODED_BYTES_MIN = 512
"""Bytes below which compression saves no packet."""
GZIP_LEVEL = 1
"""ISA-L's: pages become as small as by zlib at 6, in a tenth of the time."""
ZSTD_LEVEL = 3
"""A page of 2.3 MB: 334 KB in 7 ms; level 9 takes 41 ms for 341 KB, zlib at 6 42 ms for 351 KB."""
LAST_SERIAL = "X-PyPI-Last-Serial"
"""What mirrors compare; upstream's own number of the project's last change."""
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
    """One page in one format, with what it was made from; in each coding once somebody asks for it."""

    plain: Representation
    tag: str
    format: Format
    last_serial: int | None
    serial: Hashable
    revision: Hashable
    good_until: datetime | None
    coded: dict[Coding, Representation] = field(default_factory=dict)
    believed_until: float = 0.0
    """Monotonic seconds until which upstream's part is not looked at again; ours always is."""
    aged: Aged = AGE_UNKNOWN
    """How old upstream's part is; looked at with it."""

    @property
    def size_bytes(self) -> int:
        """What it weighs in the cache."""
        return len(self.plain.body) + sum(len(one.body) for one in self.coded.values())

    def at_hand(self, coding: Coding) -> Representation | None:
        """The page in that coding, or plain where it is too small to be coded; None: not made yet."""
        if coding is Coding.IDENTITY or len(self.plain.body) < CODED_BYTES_MIN:
            return self.plain
        return self.coded.get(coding)

    def code(self, coding: Coding) -> Representation:
        """The page in that coding; blocking."""
        body = self.plain.body
        data = (
            zstd.compress(body, ZSTD_LEVEL)
            if coding is Coding.ZSTD
            else igzip.compress(body, GZIP_LEVEL, mtime=0)
        )
        return _representation(data, self.tag, self.format, coding, self.last_serial)

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
        self._entries: LRUCache[PageKey, Entry] = LRUCache(
            maxsize=door.settings.pages_bytes_max, getsizeof=lambda entry: entry.size_bytes
        )
        self._codings: SingleFlight[
            tuple[str, Format, bool, str, int | None, Coding], Representation
        ] = SingleFlight(flights_max=RENDERS_WAITING_MAX, what="pages")
        self._renders: SingleFlight[tuple[str, Format, bool, Hashable, Hashable], Entry] = (
            SingleFlight(flights_max=RENDERS_WAITING_MAX, what="pages")
        )
        self._metadata = metadata
        self._threads = asyncio.Semaphore(RENDERS_MAX)
        self._list = ProjectList(door.index.projects, clock=door.clock)

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
        coding = chosen_coding(request.headers.get(hdrs.ACCEPT_ENCODING))
        entry = await self._entry(name, format_, coding, marked=marked)
        if entry.aged.stale is not None:
            facts["stale"] = entry.aged.stale.trouble
            self._door.metrics.served_stale(entry.aged.stale)
        chosen = entry.at_hand(coding) or await self._code((name, format_, marked), entry, coding)
        return _respond(request, entry, chosen)

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
        coding = chosen_coding(request.headers.get(hdrs.ACCEPT_ENCODING))
        return await self._list.respond(request, format_, coding)

    async def _entry(
        self, name: NormalizedName, format_: Format, coding: Coding, *, marked: bool
    ) -> Entry:
        door = self._door
        home = door.index.home(name)
        key = (name, format_, marked)
        entry = self._entries.get(key)
        revision = None if home is None else door.gate.revision(home, name)
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
        aged = aged_by(door.index.freshness(name))
        index = page.index
        await door.gate.load(index, name)
        revision = door.gate.revision(index, name)
        entry = self._entries.get(key)
        if entry is None or not entry.fresh(serial, revision, door.clock()):
            entry = await self._renders.run(
                (*key, serial, revision),
                lambda: self._make(name, page, format_, coding, serial, revision, marked=marked),
            )
        entry.believed_until = moment + door.settings.page_believed_s
        entry.aged = aged
        return entry

    async def _make(
        self,
        name: NormalizedName,
        page: ProjectPage,
        format_: Format,
        coding: Coding,
        serial: Hashable,
        revision: Hashable,
        *,
        marked: bool,
    ) -> Entry:
        """The entry; where it takes a thread, in the coding of who asked first as well."""
        door = self._door
        as_of = door.clock()
        key = (name, format_, marked)
        index = page.index
        marked = marked and door.gate.marks_index(index)
        view = await door.gate.view(index, name, page.files, as_of=as_of)
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
                origin=door.settings.public_url,
            )
            body = render_project(guarded, format=format_)
            last = last_serial_of(page)
            return entry_of(body, format_, serial, revision, view.good_until, last_serial=last)

        def make_coded() -> Entry:
            entry = make()
            if entry.at_hand(coding) is None:
                entry.coded[coding] = entry.code(coding)
            return entry

        if len(page.files) <= RENDER_INLINE_FILES_MAX:
            entry = make()
        else:
            async with self._threads:
                entry = await asyncio.to_thread(make_coded)
        return self._keep(key, entry)

    async def _code(self, key: PageKey, entry: Entry, coding: Coding) -> Representation:
        return await self._codings.run(
            (*key, entry.tag, entry.last_serial, coding), lambda: self._coded(key, entry, coding)
        )

    async def _coded(self, key: PageKey, entry: Entry, coding: Coding) -> Representation:
        if len(entry.plain.body) <= CODE_INLINE_BYTES_MAX:
            made = entry.code(coding)
        else:
            async with self._threads:
                made = await asyncio.to_thread(entry.code, coding)
        entry.coded[coding] = made
        if self._entries.get(key) is entry:
            del self._entries[key]  # weighed anew
            self._keep(key, entry)
        return made

    def _keep(self, key: PageKey, entry: Entry) -> Entry:
        if entry.size_bytes <= self._entries.maxsize:
            self._entries[key] = entry
        return entry


def entry_of(
    body: bytes,
    format_: Format,
    serial: Hashable,
    revision: Hashable,
    good_until: datetime | None,
    *,
    last_serial: int | None = None,
) -> Entry:
    """The entry of a rendered page."""
    tag = tag_of(format_, (body,))
    return Entry(
        plain=_representation(body, tag, format_, Coding.IDENTITY, last_serial),
        tag=tag,
        format=format_,
        last_serial=last_serial,
        serial=serial,
        revision=revision,
        good_until=good_until,
    )


def _representation(
    body: bytes, tag: str, format_: Format, coding: Coding, last_serial: int | None
) -> Representation:
    headers = page_headers(tag, format_, coding)
    if last_serial is not None:
        headers[LAST_SERIAL] = str(last_serial)
    unchanged = not_modified(headers)
    return Representation(
        body=body,
        etag=headers[hdrs.ETAG],
        headers=headers,
        not_modified=unchanged,
        head=head_of(200, headers, body),
        head_not_modified=head_of(304, unchanged, b""),
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
def chosen_coding(accept_encoding: str | None) -> Coding:
    """`choose_coding`, remembered by header value."""
    return choose_coding(accept_encoding)


def _respond(request: web.Request, entry: Entry, chosen: Representation) -> Ready:
    added = entry.aged.added
    if matches(request.headers.get(hdrs.IF_NONE_MATCH), chosen.etag):
        return Ready(
            status=304,
            head=chosen.head_not_modified,
            body=b"",
            headers=chosen.not_modified,
            added=added,
        )
    return Ready(
        status=200, head=chosen.head, body=chosen.body, headers=chosen.headers, added=added
    )


def _moved(location: str) -> web.Response:
    return web.Response(
        status=301, headers={hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-cache"}
    )
