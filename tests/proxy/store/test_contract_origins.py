"""The port's contract, held against the SQLite store and its twin: where names come from."""

from __future__ import annotations

import json

import pytest

from models.errors import StoreConflict, StoreError
from proxy.store.audit_port import AuditLog
from proxy.store.port import Store
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import LOCAL, PYPI, START, FakeClock, name

DEMO = name("demo")


async def test_bind__the_first_stays_and_whoever_comes_later_is_told(
    store: Store, clock: FakeClock
) -> None:
    assert await store.origin(DEMO) is None
    first = await store.bind_origin(DEMO, PYPI)
    assert (first.index, first.since) == (PYPI, START)
    clock.advance(seconds=5)
    assert await store.bind_origin(DEMO, LOCAL) == first
    assert await store.origin(DEMO) == first


async def test_origins__are_read_in_pages_and_by_index(store: Store) -> None:
    for text, index in (("b", PYPI), ("a", LOCAL), ("c", LOCAL)):
        await store.bind_origin(name(text), index)
    assert [one.project for one in await store.origins()] == ["a", "b", "c"]
    assert [one.project for one in await store.origins(index=LOCAL)] == ["a", "c"]
    assert [one.project for one in await store.origins(after="a", limit=1)] == ["b"]


async def test_move__changes_the_origin_is_audited_and_raises_the_generation(
    store: Store, clock: FakeClock
) -> None:
    await store.bind_origin(DEMO, PYPI)
    before = await store.generation()
    clock.advance(seconds=5)
    made = await store.move_origin(DEMO, LOCAL, actor="ann", justification="it is ours now")
    assert (made.number, made.was, made.now) == (1, PYPI, LOCAL)
    origin = await store.origin(DEMO)
    assert origin is not None
    assert (origin.index, origin.since) == (LOCAL, clock())
    changed = {(one.index, one.project) for one in await store.changes_since(before)}
    assert changed == {(PYPI, DEMO), (LOCAL, DEMO)}
    (row,) = await store.audit_rows(AuditLog.ADMIN, limit=10)
    assert (row.actor, row.action, row.subject) == ("ann", "origin_moved", "demo")
    assert json.loads(row.detail) == {"justification": "it is ours now", "now": LOCAL, "was": PYPI}


async def test_moves__are_numbered_and_read_from_one_on(store: Store) -> None:
    assert await store.newest_origin_move() == 0
    await store.bind_origin(DEMO, PYPI)
    for to in (LOCAL, PYPI):
        await store.move_origin(DEMO, to, actor="ann", justification="")
    assert [one.now for one in await store.origin_moves()] == [LOCAL, PYPI]
    assert [one.number for one in await store.origin_moves(after=1)] == [2]
    assert await store.newest_origin_move() == 2


async def test_move__of_what_nobody_saw_or_to_where_it_is_changes_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="No upstream has answered for demo"):
        await store.move_origin(DEMO, LOCAL, actor="ann", justification="")
    await store.bind_origin(DEMO, PYPI)
    with pytest.raises(StoreConflict, match="comes from pypi already"):
        await store.move_origin(DEMO, PYPI, actor="ann", justification="")
    with pytest.raises(StoreError, match="characters"):
        await store.move_origin(DEMO, LOCAL, actor="ann", justification="x" * 1_001)
    assert await store.newest_origin_move() == 0
    assert not await store.audit_rows(AuditLog.ADMIN, limit=10)


async def test_origin__outlives_a_restart(opener: Opener) -> None:
    store = opener()
    await store.bind_origin(DEMO, LOCAL)
    await store.close()
    again = opener()
    origin = await again.origin(DEMO)
    assert origin is not None
    assert origin.index == LOCAL
