"""The first admin: whoever started the firewall may make one token, by a link that works once."""

from __future__ import annotations

import secrets
from datetime import timedelta

from models.clock import Clock
from models.errors import NotAllowed, StoreConflict
from proxy.admin.access import Role
from proxy.store.access_port import SetupLink
from proxy.store.port import Store, Token, TokenKind
from proxy.tokens import SECRET_CHARS_MAX, hash_secret, mint

SETUP_MINUTES = 15
"""Minutes that the link works after a start."""
KEY_BYTES = 24
ACTOR = "setup"
"""Who made the first admin's token, in the audit log."""


class FirstAdmin:
    """Makes the link, and lets whoever has one in.

    The store has the hash of each key, so that any process answers for a link that another one
    printed; the key itself is new at every start, and is written nowhere.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def wanted(self) -> bool:
        """Whether there is no active admin's token."""
        now = self._clock()
        tokens = await self._store.tokens(kind=TokenKind.CLIENT)
        return not any(one.role is Role.ADMIN and one.active(now) for one in tokens)

    async def offer(self) -> str:
        """A new link's key, which works in every process from now on. Raises StoreError."""
        key = secrets.token_urlsafe(KEY_BYTES)
        expires_at = self._clock() + timedelta(minutes=SETUP_MINUTES)
        await self._store.offer_setup(SetupLink(hash=hash_secret(key), expires_at=expires_at))
        return key

    async def check(self, key: str) -> None:
        """Raises NotAllowed for a wrong key or a late one, StoreConflict where there is an admin."""
        if not await self.wanted():
            raise StoreConflict(
                "There is an admin already.", next_step="Sign in, or ask them for a token."
            )
        hash_ = hash_secret(key[:SECRET_CHARS_MAX])
        if not await self._store.setup_offered(hash_, as_of=self._clock()):
            raise NotAllowed(
                "This link is not, or no longer, the one that was printed.",
                next_step="Start Pratique again for a new one, or use `pratique token add`.",
            )

    async def create(self, key: str, name: str) -> tuple[str, Token]:
        """The first admin's secret and token. Raises as `check`, and ValueInvalid for a bad name."""
        now = self._clock()
        secret, token = mint(TokenKind.CLIENT, name, clock=lambda: now, role=Role.ADMIN)
        hash_ = hash_secret(key[:SECRET_CHARS_MAX])
        await self._store.use_setup(hash_, token, actor=ACTOR, at=now)
        return secret, token
