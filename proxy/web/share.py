"""Each client's share of the queue: nobody fills it alone.

Kept in memory and counted generously: what was decided, or is old, is forgotten only when a client
comes to its bound. A restart forgets all of it; the queue's own bound stands in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from cachetools import LRUCache

from models.artifact import ArtifactRef
from models.errors import Overloaded

QUEUE_SHARE_MAX = 1_000
"""Files of one client that wait for analysis; the largest lock files pin fewer."""
SHARE_AGE_S = 3_600.0
"""Seconds after which a file no longer counts; an analysis takes two minutes at the most."""
CLIENTS_MAX = 10_000
"""Clients whose share is remembered."""


class QueueShares:
    """`decided` tells whether a ref needs no analysis any more."""

    def __init__(
        self,
        *,
        decided: Callable[[ArtifactRef], bool],
        share_max: int = QUEUE_SHARE_MAX,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        self._decided = decided
        self._share_max = share_max
        self._monotonic_s = monotonic_s
        self._shares: LRUCache[str, dict[ArtifactRef, float]] = LRUCache(CLIENTS_MAX)

    def take(self, client: str, ref: ArtifactRef) -> None:
        """Count `ref` towards the share of `client`. Raises Overloaded at the bound."""
        share = self._shares.setdefault(client, {})
        now = self._monotonic_s()
        if ref not in share and len(share) >= self._share_max:
            kept = {
                other: since
                for other, since in share.items()
                if now - since < SHARE_AGE_S and not self._decided(other)
            }
            share.clear()
            share.update(kept)
            if len(share) >= self._share_max:
                raise Overloaded(
                    f"{self._share_max} files of this client wait for analysis already.",
                    next_step="Try again when some of them are decided.",
                )
        share[ref] = now
