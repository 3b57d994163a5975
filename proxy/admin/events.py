"""What the admin's side has to tell: a closed list of kinds, and the one way to hand an event on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class EventKind(StrEnum):
    """Everything that is told to somebody outside; a receiver may filter by it."""

    OVERRIDE_REQUESTED = "override_requested"
    """Somebody asks for an exception; the subject is the request's id."""
    OVERRIDE_APPROVED = "override_approved"
    """A request became an override, or one was prolonged; the subject is the override's id."""
    OVERRIDE_REFUSED = "override_refused"
    """A request was refused; the subject is the request's id."""
    OVERRIDE_EXPIRING = "override_expiring"
    """An override ends soon; the subject is the override's id."""
    DECISION_WORSENED = "decision_worsened"
    """What was served is held or denied now; the subject is the new decision's id."""
    HELD_FOR_REVIEW = "held_for_review"
    """A release waits for somebody to look at it; the subject is the decision's id."""
    WATCH_CHANGED = "watch_changed"
    """A watched project showed something new; the subject is the project."""
    POLICY_CHANGED = "policy_changed"
    """Another policy is in force; the subject is its digest."""
    FEED_FAILED = "feed_failed"
    """A feed of advisories could not be read; the subject is its name."""
    WORKER_LOST = "worker_lost"
    """A worker has not been heard of for too long; the subject is its name."""


class Tell(Protocol):
    """Hands an event to whoever sends it on; returns once it cannot get lost any more."""

    async def tell(self, kind: str, subject: str, detail: Mapping[str, str]) -> None:
        """Tell of one event.

        `kind` is a value of EventKind, `subject` what it is about (an id or a name), and `detail`
        names facts in snake_case with their text; a text may come from a stranger, so whoever
        shows it escapes it. Raises StoreError where the event could not be kept.
        """


class TellNobody:
    """Where nothing listens: every event is dropped."""

    async def tell(self, kind: str, subject: str, detail: Mapping[str, str]) -> None:
        """Do nothing with it."""
