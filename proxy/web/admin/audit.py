"""`/audit`: the chain of what was decided and changed, by whom; and whether it is whole."""

from __future__ import annotations

from aiohttp import web

from models.errors import StoreError
from proxy.admin.access import Role
from proxy.store.audit_port import AuditLog
from proxy.web.admin.frame import ROWS, Frame, before_of, chosen, listed

LOGS = {AuditLog.ADMIN: "Changes", AuditLog.DECISIONS: "Decisions", AuditLog.ALL: "Both"}
"""The logs, in words."""


class Audit:
    """Handlers of `/audit`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /audit?log=&before=."""
        await self._frame.visitors.require(request, Role.VIEWER)
        return await self._page(request)

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """POST /audit/verify: walk the whole chain, and say whether a row of it was changed."""
        await self._frame.post(request, Role.VIEWER)
        try:
            count = await self._frame.door.store.verify_audit()
        except StoreError as error:
            return await self._page(request, broken=error)
        return await self._page(request, verified=count)

    async def _page(
        self, request: web.Request, *, verified: int | None = None, broken: StoreError | None = None
    ) -> web.Response:
        who = await self._frame.visitors.require(request, Role.VIEWER)
        log = chosen(request.query.get("log", AuditLog.ADMIN.value), AuditLog, what="log")
        before = before_of(request)
        rows = await self._frame.door.store.audit_before(log, before=before, limit=ROWS + 1)
        return self._frame.show(
            request,
            who,
            "admin/audit.html",
            here="audit",
            log=log,
            logs=LOGS,
            files=listed(rows, lambda row: row.number, before=before),
            verified=verified,
            broken=broken,
        )
