"""How often one address, or one person, may try: counted in memory, forgotten after a while."""

from __future__ import annotations

import math

from cachetools import TTLCache

from models.clock import Clock
from models.errors import Overloaded

NAMES_MAX = 10_000
"""Addresses or people that are counted at once; at the bound the one counted first is forgotten."""
WINDOW_S = 300.0
"""Seconds after which all is forgotten."""


class Throttle:
    """At most `most` in `window_s` seconds for each name."""

    def __init__(self, most: int, *, clock: Clock, window_s: float = WINDOW_S) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._counts: TTLCache[str, tuple[int, float]] = TTLCache(
            maxsize=NAMES_MAX, ttl=window_s, timer=lambda: clock().timestamp()
        )

    def check(self, name: str) -> None:
        """Raises Overloaded where the name has none left; says after how many seconds it has."""
        count, since = self._counted(name)
        if count >= self._most:
            left = max(1, math.ceil(since + self._window_s - self._clock().timestamp()))
            raise Overloaded(
                f"Too many tries: {count} within {self._window_s:.0f} seconds.",
                next_step=f"Try again in {left} seconds.",
                retry_s=left,
            )

    def count(self, name: str) -> None:
        """One more; the window begins with the first."""
        count, since = self._counted(name)
        self._counts[name] = (count + 1, since)

    def _counted(self, name: str) -> tuple[int, float]:
        now = self._clock().timestamp()
        count, since = self._counts.get(name, (0, now))
        # A clock that was set back must not make a window last for ever.
        return (count, since) if 0 <= now - since < self._window_s else (0, now)
