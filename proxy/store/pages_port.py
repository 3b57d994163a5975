"""What pages read from the store: lists by number, counts, and the state of queue and workers.

Rows are numbered; newer ones have higher numbers. A list takes `before` (0: from the newest) and gives
the rows below it, newest first, so that a page costs the same wherever in a large table it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.decision import Decision, HoldKind, Override

if TYPE_CHECKING:
    from proxy.store.port import Fetch

FLOW_ROWS_MAX = 200_000
"""Rows of one kind that the counts by hour look at, the newest ones: some 40 ms."""
WAITING_MAX = 2_000
"""Held files that are counted and sorted for the review queue; the oldest go first."""
WORKERS_MAX = 500
"""Workers on one page; a fleet has some dozens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A file that is held now, with what a queue is sorted by."""

    number: int
    ref: ArtifactRef
    recorded_at: datetime
    """When the decision in force was stored."""
    score: int | None
    fetches: int
    """How often its bytes were fetched before they were held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCount:
    """Files held now for one cause, and since when the oldest of them is."""

    hold: HoldKind
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What happened within one hour, which began at `began`."""

    began: datetime
    served: int = 0
    """Files that were sent."""
    held: int = 0
    """Decisions that were made to hold, for review or age; and to deny."""
    denied: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """Open jobs by state, and since when the oldest one waits."""

    queued: int = 0
    leased: int = 0
    observed: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """What the store knows of a worker by its name."""

    name: str
    posts: int = 0
    """Evidence that it posted."""
    posted_at: datetime | None = None
    distrusted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision of the history, and whether it is the one in force."""

    number: int
    id: str
    """The decision's id as it is stored: to derive it from the decision takes 0.3 ms."""
    decision: Decision
    recorded_at: datetime
    current: bool


class PagesPort(Protocol):
    """Reads for pages; none of them writes."""

    async def held_counts(self) -> tuple[HeldCount, ...]:
        """What is held now, by cause; causes without a file are left out."""

    async def waiting(
        self, hold: HoldKind, *, project: str = "", after: int = 0, limit: int = WAITING_MAX
    ) -> tuple[Waiting, ...]:
        """Files held now for one cause, the one held longest first; at most WAITING_MAX.

        With `after`, those behind the one of that number.
        """

    async def current(
        self, *, action: str = "", project: str = "", before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        """Current decisions, newest first, a page of them; of one action or project where stated."""

    async def recorded(self, numbers: Sequence[int]) -> tuple[Recorded, ...]:
        """Decisions by number, in the order asked for; numbers that are none are left out."""

    async def files_of(
        self, project: NormalizedName, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        """The current decisions of a project on every index, a page of them."""

    async def filenames_of(self, project: NormalizedName) -> tuple[tuple[int, str], ...]:
        """(number, filename) of a project's current decisions, newest first; at most ROWS_MAX."""

    async def history(
        self, ref: ArtifactRef, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        """Every decision that was ever made about a file, a page of them."""

    async def flow(self, *, since: datetime) -> tuple[Hour, ...]:
        """What happened from `since` on, by hour, oldest first; hours without anything are left out.

        Of each kind at most the newest FLOW_ROWS_MAX rows count.
        """

    async def queue_state(self) -> QueueState:
        """How many jobs are open, and how old the oldest is."""

    async def workers_seen(self) -> tuple[WorkerSeen, ...]:
        """Workers that posted evidence or are distrusted, by name; at most WORKERS_MAX."""

    async def fetches_page(
        self, sha256: Sha256, *, before: int = 0, limit: int
    ) -> tuple[tuple[int, Fetch], ...]:
        """(number, record) of who fetched these bytes, a page of them."""

    async def overrides_page(
        self, *, active_at: datetime | None = None, before: int = 0, limit: int
    ) -> tuple[tuple[int, Override], ...]:
        """(number, override), a page of them; with `active_at`, those in force then."""
