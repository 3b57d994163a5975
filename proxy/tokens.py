"""Bearer tokens: made once, kept as hashes, checked from memory."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from models.clock import Clock
from models.errors import ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.store.port import Store, Token, TokenKind

SECRET_BYTES = 32
"""Random bytes of a secret: 256 bits, beyond guessing, so that a fast hash is enough."""
SECRET_CHARS_MAX = 200
"""Characters that are worth hashing; ours have 59 or less."""
ID_BYTES = 6
"""Random bytes of an id: what a person types to revoke a token."""
ANONYMOUS = "anonymous"
"""What a fetch record calls whoever showed no token; no token may have that name."""

GROUPS_MAX = 16
"""Groups of one token; each is asked about in every decision on its behalf."""

PERSON_CHARS_MAX = 64
"""Characters of a person's name or address."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_GROUP = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")


def mint(
    kind: TokenKind,
    name: str,
    *,
    clock: Clock,
    expires_at: datetime | None = None,
    role: Role = Role.INSTALLER,
    groups: Iterable[str] = (),
    person: str = "",
) -> tuple[str, Token]:
    """A new secret, to be shown once, and the token that is kept. Raises ValueInvalid.

    The secret starts with `pratique_client_` or `pratique_worker_`, so that scanners for leaked
    secrets can know it.
    """
    if not _NAME.match(name) or name == ANONYMOUS:
        raise ValueInvalid(
            "A token's name is 1 to 64 letters, digits, '.', '_' or '-', begins with a letter or "
            f"digit, and is not '{ANONYMOUS}'."
        )
    now = clock()
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise ValueInvalid("A token ends in the future, at a time with a time zone.")
    if kind is not TokenKind.CLIENT and (role is not Role.INSTALLER or tuple(groups) or person):
        raise ValueInvalid("Only a client's token has a role, groups and a person.")
    secret = f"pratique_{kind.value}_{secrets.token_urlsafe(SECRET_BYTES)}"
    token = Token(
        id=secrets.token_hex(ID_BYTES),
        kind=kind,
        name=name,
        hash=hash_secret(secret),
        created_at=now,
        expires_at=expires_at,
        role=role,
        groups=parse_groups(groups),
        person=parse_person(person),
    )
    return secret, token


def parse_person(text: str) -> str:
    """A person's name with single spaces; empty for none. Raises ValueInvalid."""
    person = " ".join(text.split())
    if len(person) > PERSON_CHARS_MAX or not (person.isascii() and person.isprintable()):
        raise ValueInvalid(
            f"A person is named in at most {PERSON_CHARS_MAX} printable characters of ASCII.",
            next_step="Use the mail address, or the account's name.",
        )
    return person


def parse_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Names of groups, sorted, each once. Raises ValueInvalid."""
    groups = tuple(sorted(set(names)))
    if len(groups) > GROUPS_MAX:
        raise ValueInvalid(f"A token belongs to at most {GROUPS_MAX} groups.")
    for group in groups:
        if not _GROUP.match(group):
            raise ValueInvalid(
                "A group's name is 1 to 40 of a-z, 0-9 and '-', and begins with a letter."
            )
    return groups


def hash_secret(secret: str) -> str:
    """The hex sha256 of a secret, whatever characters somebody sent as one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


EMBEDDED = "embedded"
"""Name of the token of the worker that `pratique serve` starts, and so its name in evidence."""


class TokenBook:
    """All tokens of one kind in memory, looked up by hash.

    A look-up by the hash of what was sent tells nothing by its timing: whoever could steer the
    hash towards a stored one would have to invert sha256 first.
    """

    def __init__(self, store: Store, kind: TokenKind, clock: Clock) -> None:
        self._store = store
        self._kind = kind
        self._clock = clock
        self._by_hash: dict[str, Token] = {}
        self._by_id: dict[str, Token] = {}

    async def refresh(self) -> None:
        """Read the tokens anew. Raises StoreError, and then keeps those it had."""
        tokens = await self._store.tokens(kind=self._kind)
        self._by_hash = {token.hash: token for token in tokens}
        self._by_id = {token.id: token for token in tokens}

    def check(self, secret: str) -> Token | None:
        """The token of `secret` while it is active; None for anything else."""
        if len(secret) > SECRET_CHARS_MAX:
            return None
        token = self._by_hash.get(hash_secret(secret))
        return token if token is not None and token.active(self._clock()) else None

    def by_id(self, token_id: str) -> Token | None:
        """The token of that id while it is active."""
        token = self._by_id.get(token_id)
        return token if token is not None and token.active(self._clock()) else None


def principal_of(token: Token) -> Principal:
    """Who holds a client's token."""
    return Principal(
        name=token.name,
        role=token.role,
        groups=token.groups,
        token_id=token.id,
        person=token.person,
    )
