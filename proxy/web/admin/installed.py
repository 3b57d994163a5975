"""`/installed`: what turned for the worse and who has it; `/installed/{sha256}`: who fetched these bytes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from aiohttp import web

from models.artifact import parse_sha256
from proxy.admin.access import Role
from proxy.admin.installed import flips
from proxy.web.admin.frame import ROWS, Frame, before_of, listed
from proxy.web.bands import band_of

HOLDERS_SHOWN = 100
"""Clients that are named, those who fetched last."""


DAYS = 30
"""Days that the list of what turned goes back."""
FLIPS = 50
"""Files on one page of it; each is looked up among the fetch records."""
NAMED = 5
"""Clients that are named of each."""


class Installed:
    """Handlers of `/installed` and `/installed/…`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def turned(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /installed?before=."""
        who = await self._frame.visitors.require(request, Role.REVIEWER)
        door, before = self._frame.door, before_of(request)
        since = door.clock() - timedelta(days=DAYS)
        found = await flips(
            door.store, who, since=since, before=before, limit=FLIPS + 1, holders=NAMED
        )
        return self._frame.show(
            request,
            who,
            "admin/turned.html",
            here="projects",
            days=DAYS,
            files=listed(found, lambda one: one.worsened.number, before=before, limit=FLIPS),
        )

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /installed/{sha256}."""
        who = await self._frame.visitors.require(request, Role.REVIEWER)
        sha256 = parse_sha256(request.match_info["sha256"].lower())
        before = before_of(request)
        store = self._frame.door.store
        holders, rows, decisions = await asyncio.gather(
            store.holders((sha256,), limit=HOLDERS_SHOWN),
            store.fetches_page(sha256, before=before, limit=ROWS + 1),
            store.decisions_with(sha256),
        )
        return self._frame.show(
            request,
            who,
            "admin/installed.html",
            here="projects",
            sha256=sha256,
            holders=holders,
            files=listed(rows, lambda row: row[0], before=before),
            decisions=[(one, one.verdict(), band_of(one)) for one in decisions[:20]],
        )
