"""A small simple index over files in memory, on loopback: PEP 691 JSON and PEP 503 HTML."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler
from packaging.utils import canonicalize_name

from proxy.demo.packages import BuiltFile, demo_packages

JSON = "application/vnd.pypi.simple.v1+json"


class LocalUpstream:
    """Serves `files`; `url` is known once started. Tests may add files while it runs."""

    def __init__(self, files: Iterable[BuiltFile] = ()) -> None:
        self.files = list(files)
        self.requests: list[str] = []
        """Paths that were asked for, oldest first."""
        self.url = ""
        self.max_age_s: int | None = None
        """Seconds its pages are fresh, as their Cache-Control says; None: it does not say."""
        self.down = False
        """Whether it answers everything with 503."""
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0) -> None:
        """Listen on loopback; port 0 picks a free one."""
        app = web.Application(middlewares=[self._perhaps_down])
        app.router.add_get("/simple/", self._root)
        app.router.add_get("/simple/{project}/", self._project)
        app.router.add_get("/packages/{filename}", self._file)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/simple/"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _perhaps_down(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.down:
            raise web.HTTPServiceUnavailable
        return await handler(request)

    def _of(self, project: str) -> Iterator[BuiltFile]:
        return (f for f in self.files if canonicalize_name(f.project) == canonicalize_name(project))

    async def _root(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        names = sorted({canonicalize_name(file.project) for file in self.files})
        body = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]}
        return web.json_response(body, content_type=JSON)

    async def _project(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        files = list(self._of(request.match_info["project"]))
        if not files:
            raise web.HTTPNotFound
        body = {
            "meta": {"api-version": "1.1"},
            "name": canonicalize_name(files[0].project),
            "versions": sorted({f.filename.split("-")[1].removesuffix(".tar.gz") for f in files}),
            "files": [
                {
                    "filename": file.filename,
                    "url": f"../../packages/{file.filename}",
                    "hashes": {"sha256": file.sha256},
                    "size": len(file.data),
                    "upload-time": file.uploaded.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "requires-python": file.requires_python,
                    "yanked": file.yanked or False,
                    **_announced_metadata(file),
                }
                for file in files
            ],
        }
        headers = {} if self.max_age_s is None else {"Cache-Control": f"max-age={self.max_age_s}"}
        return web.json_response(body, content_type=JSON, headers=headers)

    async def _file(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        wanted = request.match_info["filename"]
        for file in self.files:
            if wanted == f"{file.filename}.metadata" and (metadata := file.metadata):
                return web.Response(body=metadata, content_type="text/plain")
            if wanted == file.filename:
                return web.Response(body=file.data, content_type="application/octet-stream")
        raise web.HTTPNotFound


def _announced_metadata(file: BuiltFile) -> dict[str, dict[str, str]]:
    if (metadata := file.metadata) is None:
        return {}
    return {"core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()}}


async def serve_demo() -> None:
    """Serve the demo packages until the process is ended; the URL is the first line printed."""
    upstream = LocalUpstream(demo_packages())
    await upstream.start()
    sys.stdout.write(f"{upstream.url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_demo())
