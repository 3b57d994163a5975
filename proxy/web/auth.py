"""Who is asking: basic auth as pip, uv, Poetry and netrc send it, or a bearer token."""

from __future__ import annotations

import base64
import binascii

from aiohttp import hdrs, web

from models.clock import Clock
from models.errors import NotAuthorised
from proxy.store.port import Token
from proxy.web.door import TokensPort

HEADERS_MAX = 1_024
"""Authorization headers whose token is remembered; at the bound all are forgotten."""
HEADER_CHARS_MAX = 1_024
"""Characters of an Authorization header; ours are below 150."""
ANONYMOUS = "anonymous"

_NEXT = "Give the token as the password in the index URL, or by netrc or keyring."


class Callers:
    """Names the caller of a request.

    A header's token is looked up once between two refreshes; whether it is still in force is asked
    each time.
    """

    def __init__(self, tokens: TokensPort, *, required: bool, clock: Clock) -> None:
        self._tokens = tokens
        self._required = required
        self._clock = clock
        self._known: dict[str, Token] = {}

    async def refresh(self) -> None:
        """Read the tokens from the store again. Raises StoreError, and then keeps those it had."""
        await self._tokens.refresh()
        self._known.clear()

    def name(self, request: web.Request) -> str:
        """The token's name, or `anonymous` where tokens are not required. Raises NotAuthorised."""
        token = self.token(request)
        return ANONYMOUS if token is None else token.name

    def token(self, request: web.Request) -> Token | None:
        """The active token, or None where there is none and none is required. Raises NotAuthorised."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is not None:
            token = self._known.get(header) or self._look_up(header)
            if token is not None and token.active(self._clock()):
                return token
        if self._required:
            why = "The token is unknown, revoked or expired." if header else "There is no token."
            raise NotAuthorised(why, next_step=_NEXT)
        return None

    def _look_up(self, header: str) -> Token | None:
        for secret in secrets_of(header):
            token = self._tokens.check(secret)
            if token is not None:
                if len(self._known) >= HEADERS_MAX:
                    self._known.clear()  # cheaper than keeping an order on each request
                self._known[header] = token
                return token
        return None


def secrets_of(header: str) -> tuple[str, ...]:
    """The secrets that an Authorization header may carry, the likelier one first.

    Basic (RFC 7617): any user with the token as password, or the token as user.
    """
    if len(header) > HEADER_CHARS_MAX:
        return ()
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return (rest.strip(),) if rest.strip() else ()
        case "basic":
            return _basic(rest.strip())
        case _:
            return ()


def _basic(encoded: str) -> tuple[str, ...]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ()
    return tuple(part for part in (password, user) if part)
