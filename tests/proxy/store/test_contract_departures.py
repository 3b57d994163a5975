"""The port's contract, held against the SQLite store and its twin: files that their index dropped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.artifact import ArtifactRef
from models.errors import StoreError
from proxy.admin.events import Event, EventKind
from proxy.store.departures_port import DEPARTURE_BYTES_MAX, Departure
from proxy.store.port import Store
from proxy.store.telling_port import Template, Webhook
from tests.proxy.store.values import LOCAL, START, make_ref, name

ONE, TWO = make_ref("demo", "1.0"), make_ref("demo", "2.0")
OTHER = make_ref("other", "1.0")
EVENT = Event(
    kind=EventKind.FILES_DEPARTED, at=START, subject="demo", sentence="Some files departed."
)
HOOK = Webhook(
    id="wh_1",
    name="chat",
    url="https://chat.example.test/hook",
    secret="whsec_c2VjcmV0",
    kinds=(),
    template=Template.JSON,
    allow_private=False,
    created_at=START,
    created_by="ada",
)


def gone(*refs: ArtifactRef, hours: int = 0) -> list[Departure]:
    return [Departure(ref=ref, since=START + timedelta(hours=hours), entry=b"{}") for ref in refs]


async def test_departures__are_of_their_project_and_stay_as_they_were_first_seen(
    store: Store,
) -> None:
    await store.depart(gone(TWO, hours=1))
    await store.depart(gone(ONE, TWO, OTHER, hours=2))
    assert await store.departures(ONE.index, name("demo")) == (
        *gone(TWO, hours=1),
        *gone(ONE, hours=2),
    )
    assert await store.departures(LOCAL, name("demo")) == ()
    assert await store.departed_bytes() == {ONE.sha256, TWO.sha256, OTHER.sha256}


async def test_departures__raise_the_generation_only_where_something_is_new(
    store: Store,
) -> None:
    await store.depart(gone(ONE))
    before = await store.generation()
    await store.depart(gone(ONE))
    await store.came_back([TWO])
    assert await store.generation() == before
    assert await store.came_back([ONE, TWO]) == 1
    assert [change.project for change in await store.changes_since(before)] == ["demo"]
    assert await store.departures(ONE.index, name("demo")) == ()


async def test_departures__are_told_once(store: Store) -> None:
    await store.add_webhook(HOOK, actor="ada")
    await store.depart(gone(ONE), telling=[EVENT])
    await store.depart(gone(ONE), telling=[EVENT])
    await store.depart([], telling=[EVENT])
    later = START + timedelta(hours=1)
    assert await store.claim_delivery(HOOK.id, now=later, until=later) is not None
    assert await store.claim_delivery(HOOK.id, now=START, until=START) is None


async def test_departures__refuse_an_entry_beyond_its_bound(
    store: Store,
) -> None:
    large = Departure(ref=ONE, since=START, entry=b"x" * (DEPARTURE_BYTES_MAX + 1))
    with pytest.raises(StoreError):
        await store.depart([*gone(TWO), large])
    assert await store.departed_bytes() == frozenset()
