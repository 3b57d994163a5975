"""What both stores make of a webhook and an event before they keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from models.canonical import canonical_json
from models.errors import Overloaded, StoreConflict, StoreError
from proxy.admin.events import Event
from proxy.store.checks import clean
from proxy.store.telling_port import (
    FACT_CHARS_MAX,
    FACTS_MAX,
    SENTENCE_CHARS_MAX,
    WEBHOOKS_MAX,
    Webhook,
)

ID_CHARS = 32
"""Characters of an event's id, of 4 bits each."""


def event_id(value: str) -> str:
    """The id of an event by its canonical JSON: the same event told twice has one id."""
    return f"evt_{hashlib.sha256(value.encode()).hexdigest()[:ID_CHARS]}"


def clean_event(event: Event) -> Event:
    """The event cut to its bounds, with what UTF-8 cannot hold written as escapes."""
    return replace(
        event,
        subject=clean(event.subject, FACT_CHARS_MAX),
        sentence=clean(event.sentence, SENTENCE_CHARS_MAX),
        url=clean(event.url, FACT_CHARS_MAX),
        many_url=clean(event.many_url, FACT_CHARS_MAX),
        facts=tuple(
            (clean(name, FACT_CHARS_MAX), clean(value, FACT_CHARS_MAX))
            for name, value in event.facts[:FACTS_MAX]
        ),
    )


def check_webhook(webhook: Webhook, others: Sequence[Webhook]) -> None:
    """Raises StoreConflict for a name or id that is taken, Overloaded where there is no room."""
    if any(webhook.name == other.name or webhook.id == other.id for other in others):
        raise StoreConflict(
            f"There is a webhook called {webhook.name} already.",
            next_step="Remove it first, or choose another name.",
        )
    if len(others) >= WEBHOOKS_MAX:
        raise Overloaded(
            f"There are {WEBHOOKS_MAX} webhooks already.", next_step="Remove one that is not used."
        )


def no_webhook(name: str) -> StoreError:
    """There is none of that name."""
    return StoreError(
        f"There is no webhook {name}.", next_step="`pratique webhook list` lists them."
    )


def webhook_detail(webhook: Webhook) -> str:
    """What an audit row says of a webhook: its secret nowhere, of its URL no more than the host."""
    return canonical_json(
        {
            "allow_private": webhook.allow_private,
            "kinds": [kind.value for kind in webhook.kinds],
            "template": webhook.template.value,
            "url": webhook.shown_url,
        }
    ).decode()


def revived_detail(count: int) -> str:
    """How many dead letters are tried again."""
    return canonical_json({"deliveries": count}).decode()
