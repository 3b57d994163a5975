"""The watch list as people handle it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.errors import NotAllowed, StoreError, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.watch import look_now, shown
from proxy.store.memory import MemoryStore
from tests.proxy.store.test_contract_watch import DEMO, monitored
from tests.proxy.store.values import START, FakeClock

REVIEWER = Principal(name="rita", role=Role.REVIEWER)


@pytest.fixture
async def store() -> MemoryStore:
    made = MemoryStore(clock=FakeClock())
    await made.put_decision(monitored())
    return made


async def test_shown__says_when_each_ones_turn_comes(store: MemoryStore) -> None:
    (one,) = await shown(store, REVIEWER, watch_hours=24)
    assert (one.watched.ref, one.due_at) == (DEMO, START + timedelta(hours=24))
    (off,) = await shown(store, REVIEWER, watch_hours=0, project="Demo")
    assert off.due_at is None
    assert await shown(store, REVIEWER, watch_hours=24, project="other") == ()


async def test_look_now__wants_them_and_is_audited(store: MemoryStore) -> None:
    assert await look_now(store, REVIEWER, "DEMO") == 1
    (one,) = await shown(store, REVIEWER, watch_hours=0)
    assert one.watched.wanted
    assert one.due_at is not None
    row = (await store.audit())[0]
    assert (row.actor, row.action, row.subject) == ("rita", "watch_asked", "demo")


async def test_look_now__what_is_not_watched_is_an_error(store: MemoryStore) -> None:
    with pytest.raises(StoreError):
        await look_now(store, REVIEWER, "other")
    with pytest.raises(ValueInvalid):
        await look_now(store, REVIEWER, "../etc")


async def test_look_now__needs_a_reviewer_and_seeing_it_a_viewer(store: MemoryStore) -> None:
    with pytest.raises(NotAllowed):
        await look_now(store, Principal(name="eve", role=Role.REQUESTER), "demo")
    with pytest.raises(NotAllowed):
        await shown(store, Principal(name="eve", role=Role.INSTALLER), watch_hours=1)
