"""`/healthz`: this process works; `/readyz`: it can do its whole job. Both tell the truth, and little else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
from aiohttp import hdrs, web

from models.errors import PratiqueError
from proxy.web.door import Door

STORE_SILENT_S = 10.0
"""Seconds without word from the store after which we are not ready; the gate asks twice a second."""
CHECK_S = 2.0
"""Seconds that one check may take; a probe usually allows 5."""

_HEADERS = {hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-store"}


class Health:
    """Handlers of the two probes; `alive` says whether every task of the door still runs."""

    def __init__(self, door: Door, *, alive: Callable[[], bool]) -> None:
        self._door = door
        self._alive = alive

    async def healthz(self, _: web.Request) -> web.StreamResponse:
        """200 while the event loop answers and none of our tasks has died; else 500."""
        ok = self._alive()
        return _answer(200 if ok else 500, {"status": "ok" if ok else "failed"})

    async def readyz(self, _: web.Request) -> web.StreamResponse:
        """200 where everything that an unseen package needs is there; else 503 with what is not."""
        checks = await self.checks()
        ready = all(checks.values())
        return _answer(
            200 if ready else 503, {"status": "ready" if ready else "degraded", "checks": checks}
        )

    async def checks(self) -> dict[str, bool]:
        """Each part by name, and whether it is there."""
        door = self._door
        confirmed = door.gate.confirmed_at()
        silence = timedelta(seconds=STORE_SILENT_S)
        checks = {
            "tasks": self._alive(),
            "store": confirmed is not None and door.clock() - confirmed <= silence,
            "fetch_record": door.fetch_log.running and not door.fetch_log.spooling,
        }
        names = list(door.checks)
        results = await asyncio.gather(*(_passes(door.checks[name]) for name in names))
        return checks | dict(zip(names, results, strict=True))


async def _passes(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            return await check()
    except (PratiqueError, OSError, TimeoutError):
        return False


def _answer(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), headers=_HEADERS)
