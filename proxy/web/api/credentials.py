"""Tokens: who may do what."""

from __future__ import annotations

from proxy.admin.access import Role
from proxy.admin.tokens import create_token, list_tokens, revoke_token
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, acts, ends, reads


async def tokens(call: Call) -> tuple[shapes.TokenShown, ...]:
    found = await list_tokens(call.frame.door.store, call.who)
    return tuple(map(shapes.TokenShown.of, found))


async def add_token(call: Call) -> shapes.TokenMade:
    door, body = call.frame.door, call.body
    secret, token = await create_token(
        door.store,
        call.who,
        name=body.name,
        kind=body.kind,
        role=body.role,
        groups=body.groups,
        person=body.person,
        expires_at=body.expires_at,
        clock=door.clock,
    )
    return shapes.TokenMade(token=shapes.TokenShown.of(token), secret=secret)


async def end_token(call: Call) -> shapes.TokenShown:
    door = call.frame.door
    ended = await revoke_token(
        door.store,
        call.who,
        call.path["token_id"],
        clock=door.clock,
        last_admin=call.query.last_admin,
    )
    return shapes.TokenShown.of(ended.token)


OPERATIONS: tuple[Operation, ...] = (
    reads("/tokens", "tokens", "Tokens", tuple[shapes.TokenShown, ...], tokens, role=Role.ADMIN),
    acts(
        "/tokens",
        "addToken",
        "Make a token; its secret is shown once",
        shapes.TokenMade,
        add_token,
        body=shapes.TokenBody,
        status=201,
    ),
    ends(
        "/tokens/{token_id}",
        "endToken",
        "Revoke a token",
        shapes.TokenShown,
        end_token,
        query=shapes.EndTokenQuery,
    ),
)

__all__ = ["OPERATIONS"]
