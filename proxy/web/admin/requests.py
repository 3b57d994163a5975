"""`/requests`: who asked for an exception, why, and what became of it."""

from __future__ import annotations

from aiohttp import web

from models.errors import UpstreamNotFound
from proxy.admin.access import Role
from proxy.store.exceptions_port import RequestState
from proxy.web.admin.frame import ROWS, Frame, before_of, chosen, listed

VIEWS = {"open": "waiting", "all": "all"}
"""What the list shows, in words."""


class Requests:
    """Handlers of `/requests`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /requests?view=&before=."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        view = chosen(request.query.get("view", "open"), VIEWS, what="view")
        before = before_of(request)
        rows = await self._frame.door.store.requests(
            state=RequestState.OPEN if view == "open" else None, before=before, limit=ROWS + 1
        )
        return self._frame.show(
            request,
            who,
            "admin/requests.html",
            here="requests",
            view=view,
            views=VIEWS,
            files=listed(rows, lambda row: row[0], before=before),
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /requests/{request_id}."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        found = await self._frame.door.store.request(request.match_info["request_id"])
        if found is None:
            raise UpstreamNotFound("There is no request of that id.")
        return self._frame.show(request, who, "admin/request.html", here="requests", one=found[1])
