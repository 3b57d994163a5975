"""What the store keeps of exceptions beside the overrides themselves: requests, uses, reminders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from models.artifact import ArtifactRef
from models.decision import Override
from proxy.admin.events import Event

OPEN_PER_REQUESTER_MAX = 20
"""Open requests of one person; who wants more has a question for a meeting, not for a form."""
OPEN_REQUESTS_MAX = 1_000
"""Open requests in all: more than reviewers answer in a week."""
JUSTIFICATION_CHARS_MAX = 2_000
"""Characters of a justification, or of an answer: a paragraph, and a link to a ticket."""


class Scope(StrEnum):
    """How much an exception is asked for."""

    FILE = "file"
    """These bytes alone."""
    RELEASE = "release"
    """All files of this release that exist when it is approved."""
    PROJECT = "project"
    """All files of the project, or of some versions, that exist when it is approved."""


class RequestState(StrEnum):
    """What became of a request. All but `open` are ends."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Nobody answered in time. It is never stored: an open request reads so once its time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest:
    """Somebody asks that a file, a release or a project be let through."""

    id: str
    decision_id: str
    """The decision that they met, by its short id."""
    ref: ArtifactRef
    scope: Scope
    specifier: str
    """Versions, for a whole project; empty: every version."""
    days: int
    """How long they want it for, from its approval."""
    justification: str
    requester: str
    created_at: datetime
    expires_at: datetime
    """When it is over if nobody answered."""
    person: str = ""
    """The person behind the requester; empty: the name stands for the person."""
    state: RequestState = RequestState.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None
    answer: str = ""
    """What the reviewer said."""
    override_id: str = ""
    """The override it became."""

    @property
    def owner(self) -> str:
        """The person who asked."""
        return self.person or self.requester

    def as_of(self, now: datetime) -> OverrideRequest:
        """The request as it stands at `now`: an open one expires by itself."""
        if self.state is RequestState.OPEN and self.expires_at <= now:
            return replace(self, state=RequestState.EXPIRED)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a request ends."""

    state: RequestState
    by: str
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one client had by an override."""

    requester: str
    groups: tuple[str, ...]
    address: str
    fetches: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideUses:
    """Every use of one override: what was handed out by the decisions it made."""

    override_id: str
    decisions: int = 0
    """Decisions that it made; a deny makes some and hands out nothing."""
    fetches: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    clients: int = 0
    by: tuple[Use, ...] = ()
    """The clients who used it last, first; of many the newest alone."""


class ExceptionsPort(Protocol):
    """Requests for overrides, prolonging them, counting their uses, reminders.

    What is `telling` is written into the outbox in the same transaction as the change.
    """

    async def add_request(self, request: OverrideRequest, *, telling: Sequence[Event] = ()) -> None:
        """Keep a new request and audit it.

        Raises StoreConflict where the id is taken, or the same person has the same request open
        already; Overloaded beyond OPEN_PER_REQUESTER_MAX or OPEN_REQUESTS_MAX.
        """

    async def request(self, request_id: str) -> tuple[int, OverrideRequest] | None:
        """(number, request) of that id, as it stands now."""

    async def requests(
        self,
        *,
        state: RequestState | None = None,
        requester: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> tuple[tuple[int, OverrideRequest], ...]:
        """(number, request), newest first, those with a number below `before` (0: all)."""

    async def approve_request(
        self,
        request_id: str,
        override: Override,
        answer: Answer,
        *,
        telling: Sequence[Event] = (),
    ) -> OverrideRequest:
        """Make the override and end the request, in one transaction; both are audited.

        Raises StoreConflict where the request is over: it says who was faster. Raises as
        `add_override`, and StoreError where there is no such request.
        """

    async def end_request(
        self, request_id: str, answer: Answer, *, telling: Sequence[Event] = ()
    ) -> OverrideRequest:
        """Refuse or withdraw a request, audited. Raises as `approve_request`."""

    async def extend_override(
        self, override_id: str, extended: Override, *, at: datetime
    ) -> Override:
        """Put `extended` in the place of an override that is in force, in one transaction, audited.

        Raises StoreConflict where it is over or prolonged already, StoreError where there is none.
        """

    async def request_behind(self, override_id: str) -> OverrideRequest | None:
        """The request that an override came from, also where it was prolonged since."""

    async def override_uses(self, override_id: str, *, limit: int = 100) -> OverrideUses:
        """Every use of an override. `limit` clients are named; the counts are of all."""

    async def reminder_told(self, override_id: str, threshold_h: int) -> bool:
        """Whether the reminder so many hours before its end was told."""

    async def tell_reminder(
        self, override_id: str, threshold_h: int, *, at: datetime, telling: Sequence[Event] = ()
    ) -> bool:
        """Note that it was told, and tell; False, and nothing is told, where that was known."""
