"""`/`: how to point pip, uv and Poetry here, how we are, and what was decided lately."""

from __future__ import annotations

from aiohttp import web

from models.errors import StoreError
from proxy.web.auth import Callers
from proxy.web.bands import band_of
from proxy.web.door import Door
from proxy.web.health import Health
from proxy.web.people import People
from proxy.web.served import FACTS

DECISIONS_SHOWN = 25
"""Rows of the list of recent decisions."""

CHECK_WORDS = {
    "tasks": "background tasks",
    "store": "store",
    "fetch_record": "fetch record",
    "disk": "disk space",
}


class Home:
    """Handler of `/`."""

    def __init__(self, door: Door, callers: Callers, people: People, health: Health) -> None:
        self._door = door
        self._callers = callers
        self._people = people
        self._health = health

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /."""
        if not self._door.settings.verdicts_public:
            request[FACTS]["requester"] = self._callers.name(request)
        try:
            decisions = await self._door.store.decisions(limit=DECISIONS_SHOWN)
        except StoreError:
            decisions = ()
        checks = await self._health.checks()
        return self._people.page(
            "home.html",
            root="",
            index_url=f"{self._door.settings.public_url}/simple/",
            token=self._door.settings.token_required,
            checks=[(CHECK_WORDS.get(name, name), ok) for name, ok in checks.items()],
            ready=all(checks.values()),
            rows=[(decision, decision.verdict(), band_of(decision)) for decision in decisions],
            notices=self._door.notices(),
        )
