"""The SQLite store's part in telling and watching."""
# ruff: noqa: D102 -- the ports document every method, once, for both stores.

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from proxy.admin.events import Event
from proxy.store.sql import telling, watches
from proxy.store.sql.connection import Connection
from proxy.store.telling_port import Delivery, Figures, TellingPort, Webhook
from proxy.store.watch_port import Watched, WatchPort


class SqliteTelling(TellingPort, WatchPort):
    """Methods of `SqliteStore`."""

    _on: Connection

    async def add_webhook(self, webhook: Webhook, *, actor: str) -> None:
        await self._on.write_through(telling.add, webhook, actor=actor)

    async def remove_webhook(self, name: str, *, actor: str) -> Webhook:
        return await self._on.write_through(telling.remove, name, actor=actor)

    async def webhooks(self) -> tuple[Webhook, ...]:
        return await self._on.read(telling.webhooks)

    async def tell(self, event: Event) -> int:
        return await self._on.write(telling.tell, event)

    async def webhooks_due(self, now: datetime) -> tuple[str, ...]:
        return await self._on.read(telling.due, now)

    async def claim_delivery(
        self, webhook_id: str, *, now: datetime, until: datetime
    ) -> Delivery | None:
        return await self._on.write(telling.claim, webhook_id, now=now, until=until)

    async def delivered(self, number: int) -> None:
        await self._on.write(telling.delivered, number)

    async def postpone_delivery(self, number: int, *, at: datetime, error: str) -> None:
        await self._on.write(telling.postpone, number, at=at, error=error)

    async def bury_delivery(self, number: int, *, error: str, now: datetime) -> None:
        await self._on.write(telling.bury, number, error=error, now=now)

    async def dead_deliveries(self, *, limit: int = 100) -> tuple[Delivery, ...]:
        return await self._on.read(telling.dead, limit)

    async def revive_deliveries(
        self, numbers: Sequence[int] | None, *, actor: str, now: datetime
    ) -> int:
        return await self._on.write(telling.revive, numbers, actor=actor, now=now)

    async def figures(self, now: datetime) -> Figures:
        return await self._on.read(telling.figures, now)

    async def watched(self, *, project: str = "", limit: int = 100) -> tuple[Watched, ...]:
        return await self._on.read(watches.find, project=project, limit=limit)

    async def watches_due(
        self, *, analysed_before: datetime, queued_before: datetime, limit: int
    ) -> tuple[Watched, ...]:
        return await self._on.read(
            watches.due, analysed_before=analysed_before, queued_before=queued_before, limit=limit
        )

    async def watches_queued_since(self, moment: datetime) -> int:
        return await self._on.read(watches.queued_since, moment)

    async def watch_queued(self, ref: ArtifactRef, *, at: datetime) -> None:
        await self._on.write(watches.queued, ref, at=at)

    async def want_watched(self, project: NormalizedName) -> int:
        return await self._on.write(watches.want, project)
