"""What the reading child and the proxy say to each other: JSON lines, each typed and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from analyzer.advisories.record import Advisory, Refused

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of one line: a record of `RECORD_BYTES_MAX`, written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """To the child: the id of every record that is kept already, and when it was modified."""

    modified: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """From the child: one record that is new or newer, one that is neither, one refused, or the end.

    Exactly one field is set. Without an `end` the feed was not read whole, whatever the exit code.
    """

    advisory: Advisory | None = None
    same: str = ""
    refused: Refused | None = None
    end: End | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """All that was read. `broken` says why that is not the whole feed; empty: it is."""

    records: int = 0
    foreign: int = 0
    """Records about other ecosystems alone."""
    broken: str = ""
