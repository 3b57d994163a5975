"""Tokens and webhooks: what has a secret."""

from __future__ import annotations

import secrets

from proxy.admin.access import Role
from proxy.admin.tokens import create_token, list_tokens, revoke_token
from proxy.admin.webhooks import ShownWebhook, Webhooks
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
    ended = await revoke_token(door.store, call.who, call.path["token_id"], clock=door.clock)
    return shapes.TokenShown.of(ended.token)


async def webhooks(call: Call) -> tuple[ShownWebhook, ...]:
    return await _webhooks(call).shown(call.who)


async def add_webhook(call: Call) -> shapes.WebhookMade:
    body = call.body
    made = await _webhooks(call).add(
        call.who,
        name=body.name,
        url=body.url,
        kinds=body.kinds,
        template=body.template,
        allow_private=body.allow_private,
    )
    return shapes.WebhookMade(id=made.id, name=made.name, secret=made.secret)


async def remove_webhook(call: Call) -> ShownWebhook:
    return await _webhooks(call).remove(call.who, call.path["name"])


def _webhooks(call: Call) -> Webhooks:
    door = call.frame.door
    return Webhooks(door.store, clock=door.clock, random_bytes=secrets.token_bytes)


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
    ends("/tokens/{token_id}", "endToken", "Revoke a token", shapes.TokenShown, end_token),
    reads("/webhooks", "webhooks", "Webhooks", tuple[ShownWebhook, ...], webhooks),
    acts(
        "/webhooks",
        "addWebhook",
        "Add a webhook; its secret is shown once",
        shapes.WebhookMade,
        add_webhook,
        body=shapes.WebhookBody,
        status=201,
    ),
    ends("/webhooks/{name}", "removeWebhook", "Remove a webhook", ShownWebhook, remove_webhook),
)

__all__ = ["OPERATIONS"]
