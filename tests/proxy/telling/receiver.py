"""A receiver of webhooks on the loopback, which answers as it is told and checks signatures by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from proxy.store.memory import MemoryStore
from proxy.store.telling_port import Template, Webhook
from proxy.telling.delivering import Deliverer
from proxy.telling.sending import HttpSender
from tests.proxy.store.values import START, FakeClock

KEY = b"a key of 32 bytes for all tests."
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def signed_with(self, key: bytes) -> bool:
        """Standard Webhooks, from the specification and not by our own code."""
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Answers with what is in `answers`, in order; then with 204."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.received.append(Received(request.path, dict(request.headers), body))
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook/hidden-part"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def webhook_to(url: str, *, name: str = "ops", allow_private: bool = True) -> Webhook:
    return Webhook(
        id=f"id-{name}",
        name=name,
        url=url,
        secret=SECRET,
        kinds=(),
        template=Template.JSON,
        allow_private=allow_private,
        created_at=START,
        created_by="alice",
    )


@dataclass
class Post:
    """A store with a webhook in it, a clock to turn, and a deliverer that really sends."""

    receiver: Receiver
    clock: FakeClock
    store: MemoryStore
    deliverer: Deliverer
    outcomes: list[str] = field(default_factory=list)

    async def later(self, **by: float) -> None:
        """Let time go by, and deliver what is due."""
        self.clock.advance(timedelta(**by).total_seconds())
        await self.deliverer.deliver_due()

    async def waiting(self) -> int:
        return (await self.store.figures(self.clock())).outbox.waiting


@asynccontextmanager
async def open_post(*, allow_private: bool = True) -> AsyncIterator[Post]:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    sender = HttpSender(clock=clock)
    outcomes: list[str] = []
    deliverer = Deliverer(
        store, sender, clock=clock, jitter=lambda: 0.0, look_s=0.01, attempted=outcomes.append
    )
    async with open_receiver() as receiver:
        await store.add_webhook(
            webhook_to(receiver.url, allow_private=allow_private), actor="alice"
        )
        try:
            yield Post(receiver, clock, store, deliverer, outcomes)
        finally:
            await sender.close()
