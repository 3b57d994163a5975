"""Webhooks as admins handle them: defined, listed, tried out, removed; their dead letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from models.clock import Clock
from models.errors import StoreError, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.events import Event, EventKind
from proxy.store.codec import encode
from proxy.store.outbox import event_id, no_webhook
from proxy.store.telling_port import Delivery, TellingPort, Template, Webhook
from proxy.telling.addresses import is_public
from proxy.telling.delivering import attempt
from proxy.telling.sending import Outcome, Sender
from proxy.telling.signing import make_secret

URL_CHARS_MAX = 2_000
"""Characters of a URL; those of chats have some 200."""
ID_BYTES = 6
DEAD_SHOWN_MAX = 1_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_URL = re.compile(r"[!-~]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWebhook:
    """A webhook as everybody may see it who may see webhooks at all: without its secrets."""

    id: str
    name: str
    url: str
    """Scheme and host."""
    kinds: tuple[EventKind, ...]
    template: Template
    allow_private: bool
    created_by: str


class Webhooks:
    """The use cases. Each but `shown` needs an admin, and raises NotAllowed for anybody else."""

    def __init__(
        self, store: TellingPort, *, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        """`random_bytes` makes secrets: `secrets.token_bytes`."""
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes

    async def add(
        self,
        principal: Principal,
        *,
        name: str,
        url: str,
        kinds: Sequence[EventKind] = (),
        template: Template = Template.JSON,
        allow_private: bool = False,
    ) -> Webhook:
        """A new webhook; its secret is to be shown now, and never again.

        Raises ValueInvalid, StoreConflict for a name that is taken, Overloaded beyond the bound.
        """
        principal.require(Role.ADMIN)
        if not _NAME.match(name):
            raise ValueInvalid(
                "A webhook's name is 1 to 64 letters, digits, '.', '_' or '-', and begins with a "
                "letter or digit."
            )
        check_url(url, allow_private=allow_private)
        webhook = Webhook(
            id=self._random_bytes(ID_BYTES).hex(),
            name=name,
            url=url,
            secret=make_secret(self._random_bytes),
            kinds=tuple(dict.fromkeys(kinds)),
            template=template,
            allow_private=allow_private,
            created_at=self._clock(),
            created_by=principal.name,
        )
        await self._store.add_webhook(webhook, actor=principal.name)
        return webhook

    async def remove(self, principal: Principal, name: str) -> ShownWebhook:
        """Forget a webhook and what waits for it. Raises StoreError where none is so called."""
        principal.require(Role.ADMIN)
        return _shown(await self._store.remove_webhook(name, actor=principal.name))

    async def shown(self, principal: Principal) -> tuple[ShownWebhook, ...]:
        """All of them, by name, for viewers and up."""
        principal.require(Role.VIEWER)
        return tuple(_shown(one) for one in await self._store.webhooks())

    async def test(self, principal: Principal, name: str, *, sender: Sender) -> Outcome:
        """Send a test at once, past the outbox. Raises StoreError where none is so called."""
        principal.require(Role.ADMIN)
        webhook = next((one for one in await self._store.webhooks() if one.name == name), None)
        if webhook is None:
            raise no_webhook(name)
        now = self._clock()
        event = Event(
            kind=EventKind.TEST,
            at=now,
            subject=name,
            sentence=f"A test of the webhook {name}, sent by {principal.name}.",
            facts=(("webhook", name),),
        )
        one = Delivery(
            number=0,
            webhook_id=webhook.id,
            event_id=event_id(encode(event)),
            event=event,
            told_at=now,
            attempts=1,
            next_at=None,
            dead_at=None,
            error="",
        )
        return await attempt(sender, webhook, one, at=now)

    async def dead(
        self, principal: Principal, *, limit: int = 100
    ) -> tuple[tuple[str, Delivery], ...]:
        """(name of the webhook, dead letter) pairs, the newest first."""
        principal.require(Role.ADMIN)
        names = {one.id: one.name for one in await self._store.webhooks()}
        dead = await self._store.dead_deliveries(limit=min(limit, DEAD_SHOWN_MAX))
        return tuple((names.get(one.webhook_id, ""), one) for one in dead)

    async def retry(self, principal: Principal, numbers: Sequence[int] | None = None) -> int:
        """Try dead letters again (None: all); how many.

        Raises StoreError where numbers are given and none of them is a dead letter.
        """
        principal.require(Role.ADMIN)
        revived = await self._store.revive_deliveries(
            numbers, actor=principal.name, now=self._clock()
        )
        if numbers and not revived:
            raise StoreError(
                "There is no such dead letter.", next_step="`pratique webhook dead` lists them."
            )
        return revived


def check_url(url: str, *, allow_private: bool) -> None:
    """Raises ValueInvalid for what no webhook may have as its URL; it is never repeated.

    Whether a name leads to a private address is seen when it is connected to.
    """
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueInvalid(
            f"A webhook's URL is a whole https:// URL of at most {URL_CHARS_MAX} characters."
        )
    if parts.username is not None or parts.password is not None:
        raise ValueInvalid(
            "A webhook's URL has no user name or password in it.",
            next_step="The receiver checks the signature instead.",
        )
    if allow_private:
        return
    if parts.scheme != "https":
        raise ValueInvalid(
            "A webhook on the Internet has an https:// URL.",
            next_step="For a receiver in your own network, say --allow-private.",
        )
    if _numeric(parts.hostname) and not is_public(parts.hostname):
        raise ValueInvalid(
            "That address is private.",
            next_step="For a receiver in your own network, say --allow-private.",
        )


def _parts(url: str) -> SplitResult | None:
    if len(url) > URL_CHARS_MAX or not _URL.match(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _numeric(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _shown(webhook: Webhook) -> ShownWebhook:
    return ShownWebhook(
        id=webhook.id,
        name=webhook.name,
        url=webhook.shown_url,
        kinds=webhook.kinds,
        template=webhook.template,
        allow_private=webhook.allow_private,
        created_by=webhook.created_by,
    )
