"""The audit chain as a list: two logs in one chain, read in pages from either end."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.store.port import AuditRow

DECISION_MADE = "decision_made"
"""The action of rows of the decision log; all others are of the admin log."""


class AuditLog(StrEnum):
    """Which rows of the chain."""

    ALL = "all"
    DECISIONS = "decisions"
    """What gate and judge decided."""
    ADMIN = "admin"
    """What people, and Pratique itself, changed."""

    def has(self, action: str) -> bool:
        """Whether a row with this action belongs to it."""
        return self is AuditLog.ALL or (action == DECISION_MADE) is (self is AuditLog.DECISIONS)


class AuditPort(Protocol):
    """Reads of the chain."""

    async def audit_rows(
        self,
        log: AuditLog = AuditLog.ALL,
        *,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
    ) -> tuple[AuditRow, ...]:
        """Rows with a number above `after`, oldest first; from `since` on, and before `until`."""

    async def audit_before(
        self, log: AuditLog = AuditLog.ALL, *, before: int = 0, limit: int
    ) -> tuple[AuditRow, ...]:
        """Rows with a number below `before` (0: all), newest first."""
