"""Verified bytes onto the wire: whole files and ranges, from memory or by sendfile."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import hdrs, web
from cachetools import LRUCache
from multidict import CIMultiDict

from models.artifact import Sha256
from models.errors import ArtifactDamaged
from proxy.web.door import DoorSettings
from proxy.web.problems import problem
from proxy.web.ranges import RangeNotSatisfiable, Span, matches, span_of
from proxy.web.ready import Ready, head_of
from proxy.web.sendfile import send_file
from proxy.web.served import FACTS
from proxy.web.slots import Slots

LOG = structlog.get_logger()

VERIFIED_MAX = 65_536
"""Files whose bytes this process has hashed; the least recently served is hashed again."""
OPENS_MAX = 3
"""Times that a file is looked for whose bytes turn out damaged, or vanish while it is opened."""
IMMUTABLE = "public, max-age=365000000, immutable"
"""What a URL with a sha256 in it names never changes (invariant 2); as PyPI says it."""

HOT_ENTRY_BYTES = 512
"""Bytes counted for a file in memory beside its own: tiny ones shall not be kept without number."""

_COMMON: CIMultiDict[str] = CIMultiDict(
    {
        hdrs.CACHE_CONTROL: IMMUTABLE,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CONTENT_TYPE: "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }
)

Check = Callable[[int], Awaitable[web.Response | None]]
"""Called with the status right before the first byte: records the fetch, and has the last word."""
Find = Callable[[], Awaitable[Path]]
"""Gives the path of the bytes, fetching them where they are not there."""
Drop = Callable[[Sha256], object]
"""Takes bytes off the disk that turned out not to be what they are called; blocking."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a file looked like when it was hashed."""

    inode: int
    mtime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes in memory, or an open file. Whoever gets one closes it."""

    size: int
    data: bytes = b""
    file: io.FileIO | None = None
    head: bytes = b""
    """Of an answer with all of `data`, and what it says."""
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


class Delivery:
    """Sends artifacts. Only callers that hold a SERVE decision, or a live lease, come here."""

    def __init__(self, settings: DoorSettings, *, drop: Drop) -> None:
        self._settings = settings
        self._drop = drop
        self._hot: LRUCache[Sha256, _Source] = LRUCache(
            settings.hot_bytes_max, getsizeof=lambda source: source.size + HOT_ENTRY_BYTES
        )
        self._verified: LRUCache[Sha256, _Stamp] = LRUCache(VERIFIED_MAX)
        self._slots = Slots(
            "transfers",
            in_all_max=settings.transfers_max,
            per_client_max=settings.transfers_per_client_max,
        )

    async def send(
        self,
        request: web.Request,
        sha256: Sha256,
        find: Find,
        *,
        client: str,
        check: Check,
    ) -> web.StreamResponse:
        """Answer GET, HEAD, Range and If-None-Match for the bytes of `sha256`."""
        self._slots.enter(client)
        try:
            hot = self._hot.get(sha256)
            if hot is not None and _plain(request):
                return await self._whole(request, hot, check)
            etag = f'"{sha256}"'
            headers = _headers(etag)
            if matches(request.headers.get(hdrs.IF_NONE_MATCH), etag):
                return await check(304) or web.Response(status=304, headers=headers)
            if hot is not None:
                return await self._answer(request, hot, etag, headers, check)
            source = await self._open(sha256, find)
            try:
                return await self._answer(request, source, etag, headers, check)
            finally:
                source.close()
        finally:
            self._slots.leave(client)

    async def _whole(
        self, request: web.Request, source: _Source, check: Check
    ) -> web.StreamResponse:
        """What nearly all ask for: a small file that was asked for before."""
        refused = await check(200)
        if refused is not None:
            return refused
        request[FACTS]["bytes"] = 0 if request.method == hdrs.METH_HEAD else source.size
        return Ready(status=200, head=source.head, body=source.data, headers=source.headers)

    async def _answer(
        self,
        request: web.Request,
        source: _Source,
        etag: str,
        headers: CIMultiDict[str],
        check: Check,
    ) -> web.StreamResponse:
        try:
            span = None
            # For GET alone are ranges defined (RFC 9110, 14.2), and for what the client has (13.1.5).
            # An If-Range that is not our tag means: the part I have may be of other bytes.
            same = request.headers.get(hdrs.IF_RANGE, etag) == etag
            if same and request.method == hdrs.METH_GET:
                span = span_of(request.headers.get(hdrs.RANGE), source.size)
        except RangeNotSatisfiable:
            refused = await check(416)
            if refused is not None:
                return refused
            where = {str(hdrs.CONTENT_RANGE): f"bytes */{source.size}"}
            return problem(416, "Range not satisfiable", headers=where)
        status = 200
        if span is None:
            span = Span(0, source.size)
        else:
            status = 206
            last = span.start + span.count - 1
            headers[hdrs.CONTENT_RANGE] = f"bytes {span.start}-{last}/{source.size}"
        refused = await check(status)
        if refused is not None:
            return refused
        request[FACTS]["bytes"] = 0 if request.method == hdrs.METH_HEAD else span.count
        if source.file is None:
            if status == 200:
                return Ready(status=200, head=source.head, body=source.data, headers=headers)
            body = source.data[span.start : span.start + span.count]
            return web.Response(status=status, body=body, headers=headers)
        return await self._stream(request, source.file, span, status, headers)

    async def _stream(
        self,
        request: web.Request,
        file: io.FileIO,
        span: Span,
        status: int,
        headers: CIMultiDict[str],
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = span.count
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD or span.count == 0:
            return response
        transport = request.transport
        try:
            if transport is None:
                raise ConnectionResetError("the client is gone")
            async with asyncio.timeout(self._settings.transfer_s):
                drain = request.writer.drain
                sent = await send_file(transport, drain, file, span.start, span.count)
                if sent != span.count:  # the rest would be taken for the next answer's head
                    raise OSError("the file ended before its announced size")
                await response.write_eof()
        except (OSError, TimeoutError, RuntimeError) as error:
            # Past the header there is no other way to say that it went wrong.
            request[FACTS]["aborted"] = type(error).__name__
            if transport is not None:
                transport.abort()
        return response

    async def _open(self, sha256: Sha256, find: Find) -> _Source:
        source = await self._open_again(sha256, find)
        if source.file is None:
            with suppress(ValueError):  # the bound is smaller than this one file
                self._hot[sha256] = source
        return source

    async def _open_again(self, sha256: Sha256, find: Find) -> _Source:
        """Damaged bytes are gone by now, so another look fetches them anew; raises after a few."""
        for _ in range(OPENS_MAX - 1):
            with suppress(ArtifactDamaged):
                return await self._open_verified(sha256, await find())
        return await self._open_verified(sha256, await find())

    async def _open_verified(self, sha256: Sha256, path: Path) -> _Source:
        """The bytes at `path`, hashed once by this process for as long as the file stays the same."""
        try:
            file = io.FileIO(path, "rb")
        except OSError as error:
            raise ArtifactDamaged("The bytes of this file are gone from the disk.") from error
        try:
            stamp = _stamp(os.fstat(file.fileno()))
            hot = stamp.size <= self._settings.hot_file_bytes_max
            if hot or self._verified.get(sha256) != stamp:
                data, digest = await asyncio.to_thread(_read, file, hot)
                if digest != sha256:
                    LOG.error("artifact_damaged", sha256=sha256, found=digest)
                    await asyncio.to_thread(self._discard, sha256, path, stamp)
                    raise ArtifactDamaged(
                        "The stored bytes of this file do not have their sha256.",
                        next_step="Look at the disk; what is damaged is not served, and fetched again.",
                    )
                self._verified[sha256] = stamp
                if hot:
                    file.close()
                    headers = _headers(f'"{sha256}"')
                    head = head_of(200, headers, data)
                    return _Source(len(data), data, head=head, headers=headers)
        except BaseException:
            file.close()
            raise
        return _Source(stamp.size, file=file)

    def _discard(self, sha256: Sha256, path: Path, stamp: _Stamp) -> None:
        """Drop the file that was read, unless somebody has put another in its place since."""
        with suppress(OSError):
            if _stamp(path.stat()) == stamp:
                self._drop(sha256)


def _plain(request: web.Request) -> bool:
    """Whether the whole file is asked for, whatever the client has of it."""
    headers = request.headers
    return hdrs.RANGE not in headers and hdrs.IF_NONE_MATCH not in headers


def _stamp(stat: os.stat_result) -> _Stamp:
    return _Stamp(stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _headers(etag: str) -> CIMultiDict[str]:
    headers = CIMultiDict(_COMMON)
    headers[hdrs.ETAG] = etag
    return headers


def _read(file: io.FileIO, keep: bool) -> tuple[bytes, str]:
    """(the bytes if they are to be kept, their sha256); blocking."""
    if keep:
        data = file.readall()
        return data, hashlib.sha256(data).hexdigest()
    digest = hashlib.file_digest(file, "sha256")
    file.seek(0)
    return b"", digest.hexdigest()
