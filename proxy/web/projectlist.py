"""The list of all projects: streamed to whoever asks, and plain nowhere as a whole.

It is some 30 MB, and no installer asks for it. What is kept is its two compressed forms; plain, it
is rendered anew for each client, part by part.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import hdrs, web
from cachetools import LRUCache

from models.clock import Clock
from proxy.index.flight import SingleFlight
from proxy.simple.negotiate import Coding, Format
from proxy.simple.render import projects_parts
from proxy.web.parts import parts_of, send_parts
from proxy.web.ranges import matches
from proxy.web.representation import not_modified, page_headers, tag_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEPT_S = 600
"""Seconds that a compressed list is kept."""
GZIP_LEVEL = 6
ZSTD_LEVEL = 3
_GZIP = 16 + zlib.MAX_WBITS
"""A gzip head instead of zlib's."""

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The list in one format."""

    names: Names
    tag: str
    size_bytes: int
    coded: dict[Coding, bytes]
    good_until: datetime


class ProjectList:
    """Answers `/simple/`."""

    def __init__(self, names: Callable[[], Awaitable[Names]], *, clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self._kept: LRUCache[Format, _Kept] = LRUCache(len(Format))
        self._making: SingleFlight[Format, _Kept] = SingleFlight(
            flights_max=len(Format), what="project lists"
        )

    async def respond(
        self, request: web.Request, format_: Format, coding: Coding
    ) -> web.StreamResponse:
        """GET, HEAD. Raises UpstreamError."""
        kept = self._kept.get(format_)
        if kept is None or kept.good_until <= self._clock():
            kept = await self._making.run(format_, lambda: self._make(format_))
        headers = page_headers(kept.tag, format_, coding)
        if matches(request.headers.get(hdrs.IF_NONE_MATCH), headers[hdrs.ETAG]):
            return web.Response(status=304, headers=not_modified(headers))
        body = kept.coded.get(coding)
        if body is not None:
            return await send_parts(request, parts_of(body), len(body), headers)
        parts = projects_parts(kept.names, format=format_)
        return await send_parts(request, parts, kept.size_bytes, headers)

    async def _make(self, format_: Format) -> _Kept:
        now = self._clock()
        names = await self._names()
        kept = await asyncio.to_thread(
            _make, names, format_, good_until=now + timedelta(seconds=KEPT_S)
        )
        self._kept[format_] = kept
        return kept


def _make(names: Names, format_: Format, *, good_until: datetime) -> _Kept:
    """Reads through the list once; blocking, a second or two for 700,000 names."""
    size_bytes = 0
    gzipped, zstandard = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP), zstd.ZstdCompressor(ZSTD_LEVEL)
    packed: dict[Coding, list[bytes]] = {Coding.GZIP: [], Coding.ZSTD: []}

    def read() -> Iterator[bytes]:
        nonlocal size_bytes
        for part in projects_parts(names, format=format_):
            size_bytes += len(part)
            packed[Coding.GZIP].append(gzipped.compress(part))
            packed[Coding.ZSTD].append(zstandard.compress(part))
            yield part

    tag = tag_of(format_, read())
    packed[Coding.GZIP].append(gzipped.flush())
    packed[Coding.ZSTD].append(zstandard.flush())
    coded = {coding: b"".join(parts) for coding, parts in packed.items()}
    return _Kept(names=names, tag=tag, size_bytes=size_bytes, coded=coded, good_until=good_until)
