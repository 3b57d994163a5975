"""Webhooks: who is told, whether it works, and what could not be told."""

from __future__ import annotations

import secrets

from proxy.admin.access import Role
from proxy.admin.webhooks import ShownWebhook, Webhooks
from proxy.telling.sending import HttpSender, Outcome
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, acts, ends, reads


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


async def test_webhook(call: Call) -> Outcome:
    sender = HttpSender(clock=call.frame.door.clock)
    try:
        return await _webhooks(call).test(call.who, call.path["name"], sender=sender)
    finally:
        await sender.close()


async def dead_letters(call: Call) -> tuple[shapes.DeadLetter, ...]:
    found = await _webhooks(call).dead(call.who, limit=call.query.limit)
    return tuple(shapes.DeadLetter(webhook=name, delivery=one) for name, one in found)


async def retry(call: Call) -> shapes.Counted:
    numbers = call.body.numbers
    return shapes.Counted(count=await _webhooks(call).retry(call.who, numbers))


def _webhooks(call: Call) -> Webhooks:
    door = call.frame.door
    return Webhooks(door.store, clock=door.clock, random_bytes=secrets.token_bytes)


OPERATIONS: tuple[Operation, ...] = (
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
    acts(
        "/webhooks/{name}/test",
        "testWebhook",
        "Send a test at once, and say how that went",
        Outcome,
        test_webhook,
    ),
    reads(
        "/dead-letters",
        "deadLetters",
        "Deliveries that are not tried again by themselves, newest first",
        tuple[shapes.DeadLetter, ...],
        dead_letters,
        role=Role.ADMIN,
        query=shapes.Some,
    ),
    acts(
        "/dead-letters/retry",
        "retryDeadLetters",
        "Try dead letters again: those of some numbers, or all",
        shapes.Counted,
        retry,
        body=shapes.RetryBody,
    ),
)

__all__ = ["OPERATIONS"]
