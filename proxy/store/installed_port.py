"""Who has which bytes, by the fetch records, and which files were served and are not any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who fetched some bytes: one client, at one address, in the groups that its token had then."""

    sha256: Sha256
    requester: str
    """Name of the token, or `anonymous`."""
    groups: tuple[str, ...]
    """Empty too where the record does not know: it is older than groups."""
    address: str
    fetches: int
    whole: int
    """Of them, whole files (200)."""
    parts: int
    """Of them, ranges (206)."""
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Everybody who has some bytes."""

    rows: tuple[Holder, ...]
    """Whoever fetched last stands first; of many the newest alone."""
    count: int
    """How many there are in all."""
    fetches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worsened:
    """A file that was served and then was not: the decision that ended it, and the last that served.

    What went out unjudged, where nothing is enforced, did so under a decision to wait.
    """

    number: int
    at: datetime
    decision: Decision
    served: Decision | None
    """None where history that old is not kept."""


class InstalledPort(Protocol):
    """Reads over fetch records and flips."""

    async def holders(self, files: Sequence[Sha256], *, limit: int = 10_000) -> Holders:
        """Who fetched any of these bytes, under whatever name. Every record counts."""

    async def refs_of(self, project: NormalizedName) -> tuple[ArtifactRef, ...]:
        """Every ref of a project that has a decision, on any index, by file name."""

    async def worsened(
        self, *, since: datetime, before: int = 0, limit: int = 100
    ) -> tuple[Worsened, ...]:
        """Files that turned for the worse from `since` on, newest first, below number `before`.

        One that is being analysed again is none until that has an outcome; one that is served again
        by then never was.
        """
