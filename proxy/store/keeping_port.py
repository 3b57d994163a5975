"""The part of the store's port that lets old history go, and says where it begins by now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.store.port import AuditRow


class Keepable(StrEnum):
    """A kind of history, in the order in which it goes: what names others goes before them."""

    FETCHES = "fetches"
    """Fetch records. Never those younger than EXPOSURE_DAYS."""
    DECISIONS = "decisions"
    """Decisions that another one replaced before the moment. Never a current one."""
    EVIDENCE = "evidence"
    """Never what a current decision, a job, a decision made since, or an override in force since
    rests on, nor the newest of a file by a worker who is trusted."""
    FACTS = "facts"
    """Never what a current decision, a job or a decision made since rests on."""
    TRACES = "traces"
    """Recordings of runs. Never those of a file that is not served, or served under watch."""
    ORPHANS = "orphans"
    """Blobs that nothing names."""
    PAGES = "pages"
    """Upstream's pages. Never those of a project with a decision: they are needed in an outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One step over the rows of a kind."""

    gone: int
    """Rows that went, or would go."""
    size_bytes: int
    """Bytes of their blobs and pages; other rows are not weighed."""
    after: str
    """Where the next step goes on."""
    done: bool
    """Whether there is nothing further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAnchor:
    """The last row of the audit chain that is in an archive, and which file that is."""

    number: int
    hash: str
    at: datetime
    """When it was archived."""
    file: str
    """The archive's name in the data folder."""
    sha256: str
    """Hex, of the whole archive."""


class KeepingPort(Protocol):
    """What keeping needs of a store."""

    async def sweep(
        self, what: Keepable, *, before: datetime, after: str = "", limit: int, look: bool = False
    ) -> Swept:
        """Let go of rows of a kind from before a moment, looking at `limit` rows at most.

        One transaction. With `look` nothing goes. Raises ValueInvalid where `before` is later than
        now, or for fetch records within EXPOSURE_DAYS.
        """

    async def audit_to_archive(self, *, before: datetime, limit: int) -> tuple[AuditRow, ...]:
        """The oldest rows that are not yet archived, up to the first from `before` or later.

        Never the newest row: the next one is linked to it.
        """

    async def audit_anchors(self) -> tuple[AuditAnchor, ...]:
        """All anchors, oldest first; the newest is where the chain begins by now."""

    async def anchor_audit(self, anchor: AuditAnchor, *, actor: str) -> None:
        """Let the chain begin after a row that is in an archive, and audit that.

        Raises StoreConflict where there is no such row, where it is the newest one, or where the
        chain begins later already.
        """

    async def drop_archived(self, *, limit: int) -> int:
        """Remove rows of the audit table up to the newest anchor, `limit` at most; how many went."""

    async def reclaim(self, *, pages: int) -> int:
        """Give up to `pages` free pages of the file back to the disk; how many are still free.

        0 too where the file was made before this was possible (`pratique keep --compact`).
        """
