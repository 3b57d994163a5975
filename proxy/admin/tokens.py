"""Tokens, as an admin handles them: made, listed, ended; each act is audited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models.clock import Clock
from models.errors import ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.store.port import Store, Token, TokenKind
from proxy.tokens import EMBEDDED, mint


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A token that was revoked, and how many decisions rested on its evidence (workers only)."""

    token: Token
    resting: int = 0


async def create_token(
    store: Store,
    by: Principal,
    *,
    name: str,
    kind: TokenKind = TokenKind.CLIENT,
    role: Role = Role.INSTALLER,
    groups: Iterable[str] = (),
    person: str = "",
    expires_at: datetime | None = None,
    clock: Clock,
) -> tuple[str, Token]:
    """The secret, which is shown once, and the token of `person`, by default of its name's.

    Raises NotAllowed, ValueInvalid, StoreConflict.
    """
    by.require(Role.ADMIN)
    secret, token = mint(
        kind,
        name,
        clock=clock,
        expires_at=expires_at,
        role=role,
        groups=tuple(groups),
        person=person,
    )
    await store.add_token(token, actor=by.name)
    return secret, token


async def list_tokens(store: Store, by: Principal) -> tuple[Token, ...]:
    """All tokens, oldest first; never a secret. Raises NotAllowed."""
    by.require(Role.ADMIN)
    return await store.tokens()


async def revoke_token(
    store: Store, by: Principal, token_id: str, *, clock: Clock, last_admin: bool = False
) -> Ended:
    """End a token by id or name; a worker's evidence is distrusted with it.

    Raises NotAllowed, ValueInvalid, and StoreConflict where nobody would be left who may do this,
    unless `last_admin` says that this is meant.
    """
    by.require(Role.ADMIN)
    tokens = await store.tokens()
    now = clock()
    # Of two with one name, the active one is meant, as the store has it.
    named = [one for one in tokens if token_id in (one.id, one.name)]
    found = next((one for one in named if one.active(now)), next(iter(named), None))
    if found is not None and found.kind is TokenKind.WORKER:
        return await _revoke_worker(store, by, found, now)
    ended = await store.revoke_token(token_id, actor=by.name, at=now, keep_admin=not last_admin)
    return Ended(token=ended)


async def _revoke_worker(store: Store, by: Principal, found: Token, now: datetime) -> Ended:
    if found.name == EMBEDDED:
        raise ValueInvalid(
            "The embedded worker's token is `pratique serve`'s own, and new at every start.",
            next_step="To run without an embedded worker, start `pratique serve --boxes 0`.",
        )
    # Distrust first: were we killed in between, its evidence must not stay trusted.
    affected = await store.decisions_by_worker(found.name)
    await store.distrust_worker(found.name, actor=by.name)
    for index, project in sorted({(d.ref.index, d.ref.project) for d in affected}):
        await store.touch_project(index, project)
    ended = await store.revoke_token(found.id, actor=by.name, at=now)
    return Ended(token=ended, resting=len(affected))
