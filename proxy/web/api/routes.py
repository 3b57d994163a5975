"""The API's routes, and its description at `/api/v1/openapi.json`."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from proxy.web.admin.frame import Frame
from proxy.web.admin.trial import Trials
from proxy.web.api.openapi import describe
from proxy.web.api.operation import JSON, PREFIX, handler_of
from proxy.web.api.operations import OPERATIONS
from proxy.web.problems import Surface
from proxy.web.served import served


def add_api(app: web.Application, frame: Frame, trials: Trials) -> None:
    """Add every operation of the table."""
    document = msgspec.json.encode(describe(OPERATIONS))

    async def openapi(_: web.Request) -> web.StreamResponse:
        """GET /api/v1/openapi.json: it tells nothing that the source does not."""
        return web.Response(
            body=document, headers={hdrs.CONTENT_TYPE: JSON, hdrs.CACHE_CONTROL: "no-cache"}
        )

    app.router.add_get(f"{PREFIX}/openapi.json", served("api_openapi", openapi))
    for one in OPERATIONS:
        handler = served(f"api_{one.name}", handler_of(one, frame, trials), surface=Surface.API)
        if one.method == hdrs.METH_GET:
            app.router.add_get(PREFIX + one.path, handler)
        else:
            app.router.add_route(one.method, PREFIX + one.path, handler)
