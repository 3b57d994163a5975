"""Time as a parameter: whoever needs the time is handed a Clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the current time, aware and in UTC."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)
