"""The store's word on artifact bytes: which must stay on the disk, and when others were last wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from models.artifact import Sha256


class BytesPort(Protocol):
    """What eviction needs of a store."""

    async def bytes_needed(self, as_of: datetime) -> frozenset[Sha256]:
        """Digests whose bytes must stay.

        No index has them any more (`departures`), an analysis is to come or under way, or an
        override in force allows these very bytes.
        """

    async def last_fetched(self, sha256s: Sequence[Sha256]) -> Mapping[Sha256, datetime]:
        """When each was last fetched; what never was, as far as records go back, is not there."""
