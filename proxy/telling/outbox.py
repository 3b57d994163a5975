"""Whoever has something to tell writes it into the outbox; the proxy delivers it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from models.errors import PratiqueError
from proxy.admin.events import Event
from proxy.store.telling_port import TellingPort

LOG = structlog.get_logger()


class Outbox:
    """A `Teller` of any process that has the store open; another one may do the delivering."""

    def __init__(self, store: TellingPort, *, nudge: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._nudge = nudge

    async def tell(self, event: Event) -> None:
        """Write it down. Where the store fails it is logged: what happened has happened."""
        try:
            webhooks = await self._store.tell(event)
        except PratiqueError as error:
            LOG.error("event_not_told", kind=event.kind.value, error=error.message)
            return
        LOG.info(
            "event_told", kind=event.kind.value, subject=event.subject[:200], webhooks=webhooks
        )
        if webhooks:
            self._nudge()
