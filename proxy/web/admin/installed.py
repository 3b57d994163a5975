"""`/installed/{sha256}`: who fetched these bytes, from where and when."""

from __future__ import annotations

import asyncio

from aiohttp import web

from models.artifact import parse_sha256
from proxy.admin.access import Role
from proxy.web.admin.frame import ROWS, Frame, before_of, listed
from proxy.web.bands import band_of

HOLDERS_SHOWN = 100
"""Clients that are named, those who fetched last."""


class Installed:
    """Handler of `/installed/…`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

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
