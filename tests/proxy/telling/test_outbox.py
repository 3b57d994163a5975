"""Telling never fails whoever tells."""

from __future__ import annotations

from structlog.testing import capture_logs

from models.errors import StoreError
from proxy.admin.events import Event
from proxy.store.memory import MemoryStore
from proxy.telling.outbox import Outbox
from tests.proxy.store.test_contract_telling import make_event, make_webhook
from tests.proxy.store.values import FakeClock


class Down(MemoryStore):
    async def tell(self, event: Event) -> int:  # noqa: ARG002 - the port's
        raise StoreError("The disk is full.")


async def test_tell__writes_and_rings() -> None:
    clock, rung = FakeClock(), []
    store = MemoryStore(clock=clock)
    outbox = Outbox(store, nudge=lambda: rung.append(True))
    await outbox.tell(make_event())
    assert rung == []
    await store.add_webhook(make_webhook(), actor="alice")
    await outbox.tell(make_event())
    assert rung == [True]
    assert await store.webhooks_due(clock()) == ("id-ops",)


async def test_tell__a_store_that_is_down_is_logged_and_no_more() -> None:
    with capture_logs() as lines:
        await Outbox(Down(clock=FakeClock())).tell(make_event())
    assert [(line["event"], line["log_level"]) for line in lines] == [("event_not_told", "error")]
