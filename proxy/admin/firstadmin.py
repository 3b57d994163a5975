"""The first admin: whoever started the firewall may make one token, by a link that works once."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from datetime import timedelta

from models.clock import Clock
from models.errors import NotAllowed, StoreConflict
from proxy.admin.access import Role
from proxy.store.port import Store, Token, TokenKind
from proxy.tokens import mint

SETUP_MINUTES = 15
"""Minutes that the link works after a start."""
KEY_BYTES = 24
ACTOR = "setup"
"""Who made the first admin's token, in the audit log."""


class FirstAdmin:
    """Holds the link's key in memory alone: it is new at every start, and never written anywhere."""

    def __init__(self, store: Store, *, clock: Clock, key: str = "") -> None:
        """`key` is one that several processes share; without it one is made."""
        self._store = store
        self._clock = clock
        self._until = clock() + timedelta(minutes=SETUP_MINUTES)
        self._lock = asyncio.Lock()
        self.key = key or secrets.token_urlsafe(KEY_BYTES)

    async def wanted(self) -> bool:
        """Whether there is no active admin's token."""
        now = self._clock()
        tokens = await self._store.tokens(kind=TokenKind.CLIENT)
        return not any(one.role is Role.ADMIN and one.active(now) for one in tokens)

    async def check(self, key: str) -> None:
        """Raises NotAllowed for a wrong key or a late one, StoreConflict where there is an admin."""
        same = hmac.compare_digest(self.key.encode(), key.encode("utf-8", "replace"))
        if not same or self._clock() >= self._until:
            raise NotAllowed(
                "This link is not, or no longer, the one that was printed.",
                next_step="Start Pratique again for a new one, or use `pratique token add`.",
            )
        if not await self.wanted():
            raise StoreConflict(
                "There is an admin already.", next_step="Sign in, or ask them for a token."
            )

    async def create(self, key: str, name: str) -> tuple[str, Token]:
        """The first admin's secret and token. Raises as `check`, and ValueInvalid for a bad name."""
        async with self._lock:
            await self.check(key)
            secret, token = mint(TokenKind.CLIENT, name, clock=self._clock, role=Role.ADMIN)
            await self._store.add_token(token, actor=ACTOR)
            return secret, token
