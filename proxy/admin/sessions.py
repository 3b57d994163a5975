"""Sessions of browsers: begun with a token, known by a secret of their own, over when either ends."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Protocol

from models.clock import Clock
from models.errors import NotAllowed, NotAuthorised
from proxy.admin.access import Principal, Role
from proxy.store.access_port import AccessPort, SignedIn
from proxy.store.port import Token
from proxy.tokens import hash_secret, principal_of

SESSION_HOURS = 12
"""Hours of a session: a working day; then one signs in again."""
CLOCK_BACK_MAX = timedelta(minutes=5)
"""How far the clock may be set back under a session; further, and it would outlast its hours."""
SECRET_BYTES = 32
"""Random bytes of a session's secret."""
SECRET_CHARS_MAX = 100
"""Characters that are worth hashing; ours have 43."""
_CSRF = b"pratique csrf"


class Beginning(Protocol):
    """How a session begins: with a token today, with an OpenID provider's word one day."""

    async def begin(self, proof: str) -> tuple[str, Principal]:
        """The session's secret, for the browser alone, and who signed in. Raises NotAuthorised."""


class Tokens(Protocol):
    """Active tokens by secret and by id, from memory."""

    def check(self, secret: str) -> Token | None:
        """The active token of `secret`."""

    def by_id(self, token_id: str) -> Token | None:
        """The active token of that id."""


class Sessions(Beginning):
    """Begins sessions with tokens, and knows who holds one."""

    def __init__(self, store: AccessPort, tokens: Tokens, *, clock: Clock) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock

    async def begin(self, proof: str) -> tuple[str, Principal]:
        """Sign in with a client's token. Raises NotAuthorised, NotAllowed for an installer's token."""
        token = self._tokens.check(proof.strip())
        if token is None:
            raise NotAuthorised(
                "The token is unknown, revoked or expired.", next_step="Ask an admin for another."
            )
        return await self.begin_for(token)

    async def begin_for(self, token: Token) -> tuple[str, Principal]:
        """Sign in whoever holds `token`. Raises NotAllowed for an installer's."""
        who = principal_of(token)
        if not who.role.covers(Role.VIEWER):
            raise NotAllowed(
                "This token installs packages, and opens no pages.",
                next_step="Ask an admin for a token with the role viewer or above.",
            )
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock()
        ends = now + timedelta(hours=SESSION_HOURS)
        if token.expires_at is not None:
            ends = min(ends, token.expires_at)
        await self._store.begin_session(
            SignedIn(hash=hash_secret(secret), token_id=token.id, created_at=now, expires_at=ends)
        )
        return secret, who

    async def principal(self, secret: str) -> Principal | None:
        """Who holds a session's secret; None where it is none, has ended, or its token has."""
        if not secret or len(secret) > SECRET_CHARS_MAX:
            return None
        now = self._clock()
        session = await self._store.session(hash_secret(secret), as_of=now)
        if session is None or session.created_at - now > CLOCK_BACK_MAX:
            return None
        token = self._tokens.by_id(session.token_id)
        return None if token is None else principal_of(token)

    async def end(self, secret: str) -> None:
        """Sign out."""
        if secret and len(secret) <= SECRET_CHARS_MAX:
            await self._store.end_session(hash_secret(secret))


def csrf_token(secret: str) -> str:
    """What a session's forms carry: only who holds the session's secret can say it."""
    return hmac.new(secret.encode(), _CSRF, hashlib.sha256).hexdigest()


def csrf_matches(secret: str, sent: str) -> bool:
    """Whether a form is of this session; takes the same time for every answer."""
    return hmac.compare_digest(csrf_token(secret).encode(), sent.encode("utf-8", "replace"))
