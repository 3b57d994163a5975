"""The way from a path to its handler, looked up once: aiohttp walks its routes at every request.

Which route a path takes depends on method and path alone, and never changes while we run. The walk
costs as much as all of our own work for a page (8 µs of 70).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

PATHS_MAX = 8_192
"""Paths whose route is remembered; at the bound all are forgotten."""
PATH_CHARS_MAX = 512
"""Characters of a path that is remembered; a file's has some 150."""

PREFIXES = ("/simple/", "/files/")
"""What installers ask for; of all else nothing is remembered."""

_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Quick:
    """Stands before the application, and hands on to it whatever it does not know."""

    def __init__(self, app: web.Application, handle: Handle) -> None:
        """`handle` is the application's own way. Raises ValueError for an app with middlewares."""
        if app.middlewares:
            raise ValueError("Middlewares would be passed by.")
        self._handle = handle
        self._known: dict[tuple[str, str], web.UrlMappingMatchInfo] = {}

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """What aiohttp's server awaits."""
        match = self._known.get((request.method, request.raw_path))
        if match is None or not isinstance(request, web.Request) or hdrs.EXPECT in request.headers:
            return self._first(request)
        request._match_info = match  # noqa: SLF001 - as Application._handle does
        return match.handler(request)

    async def _first(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._handle(request)
        finally:
            self._remember(request)

    def _remember(self, request: web.BaseRequest) -> None:
        match = getattr(request, "_match_info", None)
        path = request.raw_path
        if (
            request.method not in _METHODS
            or match is None
            or match.http_exception is not None
            or not path.startswith(PREFIXES)
            or "?" in path
            or len(path) > PATH_CHARS_MAX
        ):
            return
        if len(self._known) >= PATHS_MAX:
            self._known.clear()
        self._known[request.method, path] = match
