"""The SQLite store's part in exceptions, in who installed what, and in the audit log as a list."""
# ruff: noqa: D102 -- the ports document every method, once, for both stores.

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.decision import Override
from proxy.admin.events import Event
from proxy.store.audit_port import AuditLog, AuditPort
from proxy.store.exceptions_port import (
    Answer,
    ExceptionsPort,
    OverrideRequest,
    OverrideUses,
    RequestState,
)
from proxy.store.installed_port import Holders, InstalledPort, Worsened
from proxy.store.port import AuditRow
from proxy.store.sql import audit_log, installed, override_uses, requests
from proxy.store.sql.connection import Connection


class SqliteExceptions(ExceptionsPort, InstalledPort, AuditPort):
    """Methods of `SqliteStore`. What a person does is on the disk before it returns."""

    _on: Connection
    _seen: set[IndexName]

    # -- requests ----------------------------------------------------------------------------
    async def add_request(self, request: OverrideRequest, *, telling: Sequence[Event] = ()) -> None:
        await self._on.write_through(requests.add, request, telling=telling)

    async def request(self, request_id: str) -> tuple[int, OverrideRequest] | None:
        return await self._on.read(requests.by_id, request_id)

    async def requests(
        self,
        *,
        state: RequestState | None = None,
        requester: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> tuple[tuple[int, OverrideRequest], ...]:
        return await self._on.read(
            requests.find, state=state, requester=requester, before=before, limit=limit
        )

    async def approve_request(
        self,
        request_id: str,
        override: Override,
        answer: Answer,
        *,
        telling: Sequence[Event] = (),
    ) -> OverrideRequest:
        return await self._on.write_through(
            requests.approve,
            request_id,
            override,
            answer,
            seen=frozenset(self._seen),
            telling=telling,
        )

    async def end_request(
        self, request_id: str, answer: Answer, *, telling: Sequence[Event] = ()
    ) -> OverrideRequest:
        return await self._on.write_through(requests.end, request_id, answer, telling=telling)

    async def extend_override(
        self, override_id: str, extended: Override, *, at: datetime
    ) -> Override:
        return await self._on.write_through(
            requests.extend, override_id, extended, at=at, seen=frozenset(self._seen)
        )

    async def request_behind(self, override_id: str) -> OverrideRequest | None:
        return await self._on.read(requests.behind, override_id)

    # -- uses and reminders ------------------------------------------------------------------
    async def override_uses(self, override_id: str, *, limit: int = 100) -> OverrideUses:
        return await self._on.read(override_uses.uses, override_id, limit=limit)

    async def reminder_told(self, override_id: str, threshold_h: int) -> bool:
        return await self._on.read(override_uses.told, override_id, threshold_h)

    async def tell_reminder(
        self, override_id: str, threshold_h: int, *, at: datetime, telling: Sequence[Event] = ()
    ) -> bool:
        return await self._on.write(
            override_uses.tell, override_id, threshold_h, at=at, telling=telling
        )

    # -- who installed what ------------------------------------------------------------------
    async def holders(self, files: Sequence[Sha256], *, limit: int = 10_000) -> Holders:
        return await self._on.read(installed.holders, files, limit=limit)

    async def refs_of(self, project: NormalizedName) -> tuple[ArtifactRef, ...]:
        return await self._on.read(installed.refs_of, project)

    async def worsened(
        self, *, since: datetime, before: int = 0, limit: int = 100
    ) -> tuple[Worsened, ...]:
        return await self._on.read(installed.worsened, since=since, before=before, limit=limit)

    # -- the audit log -----------------------------------------------------------------------
    async def audit_rows(
        self,
        log: AuditLog = AuditLog.ALL,
        *,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
    ) -> tuple[AuditRow, ...]:
        return await self._on.read(
            audit_log.after, log, number=after, since=since, until=until, limit=limit
        )

    async def audit_before(
        self, log: AuditLog = AuditLog.ALL, *, before: int = 0, limit: int
    ) -> tuple[AuditRow, ...]:
        return await self._on.read(audit_log.before, log, number=before, limit=limit)
