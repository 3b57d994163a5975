"""What the store keeps of people at the pages: their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.store.port import Token

SESSIONS_PER_TOKEN_MAX = 20
"""Sessions of one token; the oldest one ends where a further one begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser's session by the hash of its secret; it lasts no longer than its token."""

    hash: str
    token_id: str
    created_at: datetime
    expires_at: datetime


SETUP_LINKS_MAX = 16
"""Setup links that are kept; each process of a start may offer one, and the oldest give way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupLink:
    """What lets the first admin in, by the hash of its key; it works once, and until it expires."""

    hash: str
    expires_at: datetime


class AccessPort(Protocol):
    """Sessions and setup links. What has ended is not there any more."""

    async def begin_session(self, session: SignedIn) -> None:
        """Keep a session, and let go of those that expired and of the oldest beyond the bound.

        Raises StoreConflict where there is one of that hash.
        """

    async def session(self, hash_: str, *, as_of: datetime) -> SignedIn | None:
        """The session of that hash, if it has not expired."""

    async def end_session(self, hash_: str) -> None:
        """Let go of a session; nothing happens where there is none."""

    async def offer_setup(self, link: SetupLink) -> None:
        """Keep a setup link, beside those that other processes offer; expired ones go."""

    async def setup_offered(self, hash_: str, *, as_of: datetime) -> bool:
        """Whether there is a link of that hash which has not expired."""

    async def use_setup(self, hash_: str, token: Token, *, actor: str, at: datetime) -> None:
        """Add the first admin's token and let go of every link, in one transaction.

        Raises NotAllowed where no such link is offered, StoreConflict where there is an active admin's
        token already, or as `add_token`; then nothing has changed.
        """
