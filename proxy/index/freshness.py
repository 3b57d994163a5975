"""How old the word of an index is: seconds since it was heard, and why it is not heard anew."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """Why a page is shown that upstream no longer promises to be true."""

    FAILED = "upstream-failed"
    """It does not answer, or with what cannot be read."""
    SLOW = "upstream-slow"
    """It is being asked, and whoever waited for it would have waited too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Of a page in a cache, at the moment of asking."""

    age_s: int
    """Whole seconds since upstream sent it, or said that it is unchanged."""
    ttl_s: int
    """Whole seconds that it stays fresh; negative: it is not, since so long."""
    trouble: Trouble | None
    """None: it is fresh, or was asked for a moment ago."""
