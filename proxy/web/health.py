"""`/healthz`: this process works; `/readyz`: it can do its whole job. Both tell the truth, and little else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import structlog
from aiohttp import hdrs, web

from models.errors import PratiqueError
from proxy.web.door import Door

LOG = structlog.get_logger()

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
        troubles = await self.troubles()
        not_ready = {name: why for name, why in troubles.items() if why}
        body = {
            "status": "degraded" if not_ready else "ready",
            "checks": {name: not why for name, why in troubles.items()},
            "not_ready": not_ready,
        }
        return _answer(503 if not_ready else 200, body)

    async def checks(self) -> dict[str, bool]:
        """Each part by name, and whether it is there."""
        return {name: not why for name, why in (await self.troubles()).items()}

    async def troubles(self) -> dict[str, str]:
        """Each part by name, and why it is not ready; empty: it is."""
        door = self._door
        troubles = {
            "tasks": "" if self._alive() else "a task of the proxy has ended",
            "store": self._store_trouble(),
            "fetch_record": self._record_trouble(),
        }
        names = list(door.checks)
        results = await asyncio.gather(*(_trouble(name, door.checks[name]) for name in names))
        return troubles | dict(zip(names, results, strict=True))

    def _store_trouble(self) -> str:
        confirmed = self._door.gate.confirmed_at()
        if confirmed is None:
            return "the store has not answered yet"
        silent = self._door.clock() - confirmed
        if silent <= timedelta(seconds=STORE_SILENT_S):
            return ""
        return f"the store has not answered for {int(silent.total_seconds())} s"

    def _record_trouble(self) -> str:
        if not self._door.fetch_log.running:
            return "fetch records are not being written"
        if self._door.fetch_log.spooling:
            return "fetch records wait on local disk for the store"
        return ""


async def _trouble(name: str, check: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            return await check()
    except TimeoutError:
        return "it did not answer in time"
    except (PratiqueError, OSError) as error:
        # Probes are open to everybody: what exactly failed stands in the log alone.
        LOG.warning("check_failed", part=name, error=str(error)[:300])
        return "it could not be asked"


def _answer(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), headers=_HEADERS)
