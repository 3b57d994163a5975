"""A real HTTP upstream on loopback, which can be told to be slow, broken, or a liar."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.index.client import UpstreamBounds

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HASTY = UpstreamBounds(connect_s=2.0, read_s=0.3, page_total_s=2.0, retry_wait_s=0.0)
"""Short enough for a test to see a timeout, and no waits between tries."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalUpstream:
    """Serves what it is told; `seen` holds every request in order."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.pages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.first: dict[str, list[Handler]] = {}
        """Path → handlers that answer before anything else does, one request each."""
        self.always: dict[str, Handler] = {}
        self.released = asyncio.Event()
        """Set at the end, so that no handler that hangs outlives its test."""
        self.url = ""

    def add(self, filename: str, data: bytes, **keys: Any) -> str:
        """Put a file on its project's page; its sha256."""
        name = filename.split("-", maxsplit=1)[0].replace("_", "-").lower()
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[f"/files/{filename}"] = data
        page = self.pages.setdefault(
            name, {"meta": {"api-version": "1.1"}, "name": name, "files": [], "versions": []}
        )
        entry = {
            "filename": filename,
            "url": f"../../files/{filename}",
            "hashes": {"sha256": sha256},
            "size": len(data),
            "upload-time": "2024-01-02T03:04:05.000006Z",
            "yanked": False,
        }
        page["files"].append(entry | {key.replace("_", "-"): v for key, v in keys.items()})
        return sha256

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.path for request in self.seen]

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Say nothing at all."""
        del request
        await self.released.wait()
        return web.Response(status=500)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.seen.append(request)
        if self.first.get(request.path):
            return await self.first[request.path].pop(0)(request)
        if request.path in self.always:
            return await self.always[request.path](request)
        if request.path in self.files:
            return _file(request, self.files[request.path])
        page = self.pages.get(request.path.removeprefix("/simple/").removesuffix("/"))
        if page is None:
            raise web.HTTPNotFound
        return web.Response(body=json.dumps(page).encode(), content_type=JSON_TYPE)


def answer(body: bytes = b"", **keys: Any) -> Handler:
    """A handler that always says the same."""

    async def handler(request: web.Request) -> web.Response:
        del request
        return web.Response(body=body, **keys)

    return handler


def truncated(data: bytes, *, announced: int) -> Handler:
    """A handler that announces more than it sends, and hangs up."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(announced)})
        await response.prepare(request)
        await response.write(data)
        assert request.transport is not None
        request.transport.close()
        return response

    return handler


def stalling(data: bytes, upstream: LocalUpstream, *, announced: int) -> Handler:
    """A handler that sends a part and then nothing."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(announced)})
        await response.prepare(request)
        await response.write(data)
        await upstream.released.wait()
        return response

    return handler


@asynccontextmanager
async def local_upstream() -> AsyncIterator[LocalUpstream]:
    """An upstream that listens on loopback; its `url` is that of the simple index."""
    upstream = LocalUpstream()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", upstream.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    upstream.url = str(server.make_url("/simple/"))
    try:
        yield upstream
    finally:
        upstream.released.set()
        await server.close()


def _file(request: web.Request, data: bytes) -> web.Response:
    start = request.http_range.start
    if not start:
        return web.Response(body=data, headers={"Accept-Ranges": "bytes"})
    if start >= len(data):
        return web.Response(status=416)
    span = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:], headers={"Content-Range": span})
