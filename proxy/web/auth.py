"""Who is asking: basic auth as pip, uv, Poetry and netrc send it, or a bearer token."""

from __future__ import annotations

import base64
import binascii

from aiohttp import hdrs, web
from cachetools import LRUCache

from models.errors import NotAuthorised
from proxy.web.door import TokensPort

HEADERS_MAX = 1_024
"""Authorization headers whose secret is remembered, so that base64 is decoded once for each."""
HEADER_CHARS_MAX = 1_024
"""Characters of an Authorization header; ours are below 150."""
ANONYMOUS = "anonymous"

_NEXT = "Give the token as the password in the index URL, or by netrc or keyring."


class Callers:
    """Names the caller of a request.

    The header is parsed once, its secret checked each time, so that a revocation counts at once.
    """

    def __init__(self, tokens: TokensPort, *, required: bool) -> None:
        self._tokens = tokens
        self._required = required
        self._secrets: LRUCache[str, tuple[str, ...]] = LRUCache(maxsize=HEADERS_MAX)

    def name(self, request: web.Request) -> str:
        """The token's name, or `anonymous` where tokens are not required. Raises NotAuthorised."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is not None:
            secrets = self._secrets.get(header)
            if secrets is None:
                secrets = self._secrets[header] = secrets_of(header)
            for secret in secrets:
                token = self._tokens.check(secret)
                if token is not None:
                    return token.name
        if self._required:
            why = "The token is unknown, revoked or expired." if header else "There is no token."
            raise NotAuthorised(why, next_step=_NEXT)
        return ANONYMOUS


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
