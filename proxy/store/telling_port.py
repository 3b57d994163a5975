"""The store's part in telling: webhooks, the outbox that is delivered to them, figures for `/metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from models.work import JobState
from proxy.admin.events import Event, EventKind

WEBHOOKS_MAX = 50
"""Webhooks; an event is written once for each that takes it."""
WAITING_MAX = 2_000
"""Deliveries that wait for one webhook; what comes beyond it is a dead letter at once."""
DEAD_MAX = 10_000
"""Dead letters kept in all; beyond it the oldest are forgotten."""
OUTBOX_FULL = "the outbox of this webhook is full"
"""What a delivery says that never waited."""
FACTS_MAX = 24
"""Facts of one event that are kept."""
FACT_CHARS_MAX = 300
"""Characters of a fact, or of a subject."""
SENTENCE_CHARS_MAX = 500
"""Characters of an event's sentence; a reason line has at most 200."""


class Template(StrEnum):
    """In which form a webhook is told."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events go. URL and secret are secrets both: a chat's URL lets whoever has it write."""

    id: str
    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    """`whsec_` and base64; signatures are made with it, so it is kept as it is."""
    kinds: tuple[EventKind, ...]
    """Empty: every kind."""
    template: Template
    allow_private: bool
    """Whether it may lie on this machine, or in a private network."""
    created_at: datetime
    created_by: str

    @property
    def shown_url(self) -> str:
        """The URL without what is secret in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"

    def takes(self, kind: EventKind) -> bool:
        """Whether it is told of events of this kind."""
        return not self.kinds or kind in self.kinds or kind is EventKind.TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    number: int
    webhook_id: str
    event_id: str
    """The same for every webhook and every attempt."""
    event: Event
    told_at: datetime
    attempts: int
    """Attempts that were begun."""
    next_at: datetime | None
    """When it is tried next; None: it is a dead letter."""
    dead_at: datetime | None
    error: str
    """How the last attempt failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxExtent:
    """How much waits, and since when."""

    waiting: int
    dead: int
    oldest_at: datetime | None
    """When the oldest event that waits was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What `/metrics` counts in the store."""

    jobs: tuple[tuple[JobState, int], ...]
    """Open jobs by state."""
    oldest_job_at: datetime | None
    """When the oldest job that no worker has taken was queued."""
    overrides_active: int
    watched: int
    outbox: OutboxExtent


class TellingPort(Protocol):
    """What the store keeps for telling."""

    async def add_webhook(self, webhook: Webhook, *, actor: str) -> None:
        """Keep a webhook and audit it, without its secrets.

        Raises StoreConflict where the name is taken, Overloaded beyond WEBHOOKS_MAX.
        """

    async def remove_webhook(self, name: str, *, actor: str) -> Webhook:
        """Forget a webhook with all that waits for it, and audit it. Raises StoreError: none is so called."""

    async def webhooks(self) -> tuple[Webhook, ...]:
        """All webhooks, by name."""

    async def tell(self, event: Event) -> int:
        """Write an event into the outbox, once for each webhook that takes it; how many do.

        One that waits already, word for word, waits once. It never fails for want of room. Beyond a
        number of one kind in a minute, one summary stands for all that follow (`proxy.store.gathering`).
        """

    async def webhooks_due(self, now: datetime) -> tuple[str, ...]:
        """Ids of webhooks for which a delivery's time has come."""

    async def claim_delivery(
        self, webhook_id: str, *, now: datetime, until: datetime
    ) -> Delivery | None:
        """The next due delivery of a webhook, one attempt older, which is nobody else's until `until`.

        Whoever dies with it in his hands leaves it to be tried again then.
        """

    async def delivered(self, number: int) -> None:
        """Let go of a delivery that arrived."""

    async def postpone_delivery(self, number: int, *, at: datetime, error: str) -> None:
        """Try it again at `at`."""

    async def bury_delivery(self, number: int, *, error: str, now: datetime) -> None:
        """Make it a dead letter, which is not tried again by itself."""

    async def dead_deliveries(self, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Dead letters, the newest first."""

    async def revive_deliveries(
        self, numbers: Sequence[int] | None, *, actor: str, now: datetime
    ) -> int:
        """Try dead letters again, all of them where None is given; how many. Audited."""

    async def figures(self, now: datetime) -> Figures:
        """All figures, as of one moment."""
