"""The store's part in the watch list: files served as MONITOR, and when they are looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from models.decision import Action, Decision, HoldKind, TrustTier


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A file on the watch list."""

    ref: ArtifactRef
    since: datetime
    analysed_at: datetime
    """When evidence of it last came (or, before any did, when it came onto the list)."""
    queued_at: datetime | None
    """When the watch list last queued it."""
    wanted: bool
    """Whether it is to be looked at as soon as there is room, because something changed."""


def is_watched(decision: Decision) -> bool:
    """Whether a decision puts its file on the list: served, under watch, by evidence and by no person."""
    return (
        decision.action is Action.SERVE
        and decision.tier is TrustTier.MONITOR
        and decision.evidence_digest is not None
        and not decision.override_id
    )


def casts_doubt(decision: Decision, before: Action | None) -> bool:
    """Whether a decision is a reason to look at the project's other files again.

    It is where a file was served and is refused now; one that is new and refused says little of
    those that were there.
    """
    refused = decision.action is not Action.SERVE and decision.hold is not HoldKind.ANALYSIS
    return refused and before is Action.SERVE


class WatchPort(Protocol):
    """What the store keeps of the watch list. It follows decisions by itself."""

    async def watched(self, *, project: str = "", limit: int = 100) -> tuple[Watched, ...]:
        """Files on the list, wanted ones first, then those whose analysis is the oldest."""

    async def watches_due(
        self, *, analysed_before: datetime, queued_before: datetime, limit: int
    ) -> tuple[Watched, ...]:
        """Files that are wanted or were analysed at or before a moment, in the same order.

        But none that was queued after `queued_before`.
        """

    async def watches_queued_since(self, moment: datetime) -> int:
        """How many of them were queued after a moment."""

    async def watch_queued(self, ref: ArtifactRef, *, at: datetime) -> None:
        """Note that a file was queued."""

    async def want_watched(self, project: NormalizedName) -> int:
        """Have a project's watched files looked at as soon as there is room; how many there are.

        It counts, too, for those that were queued a moment ago.
        """
