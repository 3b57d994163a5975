"""What the store keeps of people at the pages: their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

SESSIONS_PER_TOKEN_MAX = 20
"""Sessions of one token; the oldest one ends where a further one begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser's session by the hash of its secret; it lasts no longer than its token."""

    hash: str
    token_id: str
    created_at: datetime
    expires_at: datetime


class AccessPort(Protocol):
    """Sessions. A session that ended is not there any more."""

    async def begin_session(self, session: SignedIn) -> None:
        """Keep a session, and let go of those that expired and of the oldest beyond the bound.

        Raises StoreConflict where there is one of that hash.
        """

    async def session(self, hash_: str, *, as_of: datetime) -> SignedIn | None:
        """The session of that hash, if it has not expired."""

    async def end_session(self, hash_: str) -> None:
        """Let go of a session; nothing happens where there is none."""
