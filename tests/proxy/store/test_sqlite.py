"""The SQLite store among other processes: kills, neighbours, a closed door, a stranger's hand."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from models.errors import StoreError, StoreSchemaNewer
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.processes import spawn_writer
from tests.proxy.store.values import (
    PYPI,
    FakeClock,
    make_decision,
    make_fetch,
    make_override,
    make_ref,
    name,
    sha,
)


@pytest.mark.parametrize("acknowledged", [1, 4, 9])
async def test_kill__takes_nothing_that_was_acknowledged(
    path: Path, clock: FakeClock, acknowledged: int
) -> None:
    child = spawn_writer(path, "victim", 10_000)
    assert child.stdout is not None
    with child, child.stdout as lines:
        last = [int(lines.readline()) for _ in range(acknowledged)][-1]
        child.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in lines.read().splitlines() if line)])
    store = SqliteStore.open(path, clock=clock)
    try:
        kept = {decision.ref for decision in await store.decisions_of(PYPI, name("victim"))}
        fetched = {fetch.ref for fetch in await store.fetches(limit=1000)}
        ids = {override.id for override in await store.overrides()}
        for number in range(last + 1):
            ref = make_ref("victim", f"{number}.0")
            assert ref in kept
            assert ref in fetched
            assert f"victim-{number}" in ids
        assert await store.verify_audit() >= 2 * (last + 1)
        await store.put_decision(make_decision(make_ref("after")))
    finally:
        await store.close()


async def test_processes__that_write_at_once_never_fork_the_audit_chain(
    path: Path, clock: FakeClock
) -> None:
    """Three processes make the file together, then append to one chain."""
    writers = ["one", "two", "three"]
    children = [spawn_writer(path, writer, 15) for writer in writers]
    for child in children:
        child.communicate(timeout=120)
    assert [child.returncode for child in children] == [0, 0, 0]
    store = SqliteStore.open(path, clock=clock)
    try:
        assert await store.verify_audit() == 3 * 15 * 2
        assert {row.actor for row in await store.audit(limit=1000)} == {*writers, "alice"}
        assert await store.generation() >= 3 * 15
    finally:
        await store.close()


async def test_instances__that_write_at_once_lose_nothing(path: Path, clock: FakeClock) -> None:
    stores = [SqliteStore.open(path, clock=clock) for _ in range(3)]
    await asyncio.gather(
        *(
            stores[number % 3].put_decision(make_decision(make_ref(version=f"{number}.0")))
            for number in range(30)
        )
    )
    assert len(await stores[0].decisions_of(PYPI, name("demo"))) == 30
    assert await stores[1].verify_audit() == 30
    for store in stores:
        await store.close()


async def test_store__does_its_work_off_the_event_loop(sqlite_store: SqliteStore) -> None:
    """Only one thread may touch the connection, and it is not ours."""
    with pytest.raises(sqlite3.ProgrammingError, match="thread"):
        sqlite_store._on._session.db.execute("SELECT 1")
    assert await sqlite_store.generation() == 0


async def test_store__after_close_says_so(sqlite_store: SqliteStore) -> None:
    await sqlite_store.close()
    with pytest.raises(StoreError, match="closed"):
        await sqlite_store.generation()


async def test_close__finishes_what_is_under_way(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    refs = [make_ref(version=f"{number}.0") for number in range(10)]
    writes = [asyncio.create_task(store.put_decision(make_decision(ref))) for ref in refs]
    await asyncio.sleep(0)  # every task has handed its work over
    await store.close()
    await asyncio.gather(*writes)
    again = SqliteStore.open(path, clock=clock)
    assert len(await again.decisions()) == 10
    await again.close()


async def test_read__of_a_value_that_was_written_over_is_a_store_error(
    sqlite_store: SqliteStore,
) -> None:
    await sqlite_store.add_override(make_override())
    await sqlite_store._on.write(lambda session: session.run("UPDATE overrides SET value = '{}'"))
    with pytest.raises(StoreError, match="cannot be read"):
        await sqlite_store.overrides()


async def test_read__of_a_value_of_a_newer_schema_says_so(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_override(make_override())
    await sqlite_store._on.write(
        lambda session: session.run("UPDATE overrides SET schema_version = 99")
    )
    with pytest.raises(StoreSchemaNewer):
        await sqlite_store.overrides()


async def test_record_fetches__is_all_or_nothing(sqlite_store: SqliteStore) -> None:
    await sqlite_store.record_fetches([make_fetch(make_ref(content=str(n))) for n in range(500)])
    assert len(await sqlite_store.fetches(limit=1000)) == 500
    bad = structs.replace(make_fetch(), status=2**70)
    with pytest.raises(StoreError):
        await sqlite_store.record_fetches([make_fetch(make_ref(content="new")), bad])
    assert await sqlite_store.fetches(sha256=sha("new")) == ()
