"""`/metrics` for Prometheus: open to this machine, to viewers, or to everybody where the operator says so."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from models.errors import NotAuthorised, PratiqueError
from proxy.admin.access import Principal, Role
from proxy.store.port import Feed
from proxy.store.telling_port import Figures
from proxy.web.door import Door
from proxy.web.health import Health

FORWARDED = (hdrs.FORWARDED, hdrs.X_FORWARDED_FOR, hdrs.VIA, "X-Real-IP")
"""Headers by which a reverse proxy says that it asks for somebody else."""
ACCEPT_CHARS_MAX = 1_000

PrincipalOf = Callable[[web.Request], Awaitable[Principal | None]]
"""Who asks; None where nobody is known."""


async def nobody(_: web.Request) -> Principal | None:
    """No request is anybody's."""
    return None


class MetricsPage:
    """Handler of `/metrics`."""

    def __init__(self, door: Door, health: Health, *, principal_of: PrincipalOf = nobody) -> None:
        self._door = door
        self._health = health
        self._principal_of = principal_of

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /metrics."""
        await self._check(request)
        await self._set()
        accept = request.headers.get(hdrs.ACCEPT, "")[:ACCEPT_CHARS_MAX]
        body, content_type = self._door.metrics.exposition(accept)
        headers = {hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=body, headers=headers)

    async def _check(self, request: web.Request) -> None:
        """Raises NotAuthorised or NotAllowed."""
        if self._door.settings.metrics_public or from_this_machine(request):
            return
        known = await self._principal_of(request)
        if known is None:
            raise NotAuthorised(
                "Metrics are open to this machine, and to viewers.",
                next_step="Give a viewer's token, or start `pratique serve` with --metrics-public.",
            )
        known.require(Role.VIEWER)

    async def _set(self) -> None:
        door, metrics = self._door, self._door.metrics
        now = door.clock()
        figures, feeds = await self._ask()
        metrics.set_store(figures, now)
        metrics.set_feeds(feeds, now)
        metrics.set_confirmed(door.gate.confirmed_at(), now)
        metrics.set_holds(door.holds.in_all)
        metrics.set_digests(door.digests())
        metrics.set_checks(await self._health.troubles())

    async def _ask(self) -> tuple[Figures | None, tuple[Feed, ...]]:
        try:
            figures = await self._door.store.figures(self._door.clock())
            return figures, await self._door.store.feeds()
        except PratiqueError:
            return None, ()


def from_this_machine(request: web.Request) -> bool:
    """Whether a process of this machine asks, and asks for itself."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
