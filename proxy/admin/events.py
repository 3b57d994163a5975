"""What people are told about: a closed list of kinds of events, and who tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventKind(StrEnum):
    """Everything that Pratique tells by itself."""

    OVERRIDE_REQUESTED = "override_requested"
    OVERRIDE_APPROVED = "override_approved"
    OVERRIDE_REFUSED = "override_refused"
    OVERRIDE_WITHDRAWN = "override_withdrawn"
    OVERRIDE_EXPIRING = "override_expiring"
    DECISION_WORSENED = "decision_worsened"
    """A file that was served, or held, is treated worse from now on."""
    HELD_FOR_REVIEW = "held_for_review"
    WATCH_CHANGED = "watch_changed"
    """A file on the watch list has another outcome."""
    POLICY_CHANGED = "policy_changed"
    FEED_FAILED = "feed_failed"
    NAME_MOVED = "name_moved"
    """A name comes from another upstream than before."""
    WORKER_LOST = "worker_lost"
    FILES_DEPARTED = "files_departed"
    """An index ceased to list files that are served here."""
    BYTES_CHANGED = "bytes_changed"
    """An index lists other bytes under the name of a file that is served here."""
    TEST = "test"
    """Somebody tries out a webhook; every webhook takes it, whatever its kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, in words for people and in facts for programs.

    Whatever a package controls may stand in `subject`, `sentence` and the facts: whoever shows them
    escapes them for the place where they are shown.
    """

    kind: EventKind
    at: datetime
    subject: str
    """What it is about: `demo 2.0`, the name of a feed, of a worker …"""
    sentence: str
    """One whole sentence."""
    url: str = ""
    """A page of ours; empty: there is none."""
    facts: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs, the names ours."""
    many_url: str = ""
    """The page of ours that lists such events, for a summary of many; empty: there is none."""


class Teller(Protocol):
    """Whoever sees to it that people are told."""

    async def tell(self, event: Event) -> None:
        """Tell it, now or later. Where that fails it is logged: what happened has happened."""


class Silent:
    """Tells nobody: for tests, and for commands that stand alone."""

    async def tell(self, event: Event) -> None:
        """Nothing."""
