"""A store that is only looked at: nothing is made, upgraded or written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from models.errors import StoreError, StoreSchemaNewer
from proxy.store.sql.migrate import packaged
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.older import look, write_older
from tests.proxy.store.values import POLICY, FakeClock, make_decision, make_ref


async def test_look__reads_what_another_instance_writes_meanwhile(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock
) -> None:
    looking = SqliteStore.look(path, clock=clock)
    assert await looking.decision_of(make_ref()) is None
    await sqlite_store.put_decision(make_decision())
    assert await looking.decision_of(make_ref()) == make_decision()
    await looking.close()


async def test_look__refuses_every_write(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock
) -> None:
    looking = SqliteStore.look(path, clock=clock)
    for write in (
        looking.put_decision(make_decision()),
        looking.put_policy(POLICY, "x"),
        looking.append_audit(actor="a", action="b", subject="c", detail="{}"),
    ):
        with pytest.raises(StoreError):
            await write
    await looking.close()
    assert await sqlite_store.decision_of(make_ref()) is None
    assert await sqlite_store.audit() == ()


def test_look__makes_no_file(path: Path, clock: FakeClock) -> None:
    with pytest.raises(StoreError) as caught:
        SqliteStore.look(path, clock=clock)
    assert "--data-dir" in caught.value.next_step
    assert not path.exists()


async def test_look__leaves_an_older_schema_as_it_is_and_reads_what_it_has(
    path: Path, clock: FakeClock
) -> None:
    write_older(path, 3)
    before = look(path)
    looking = SqliteStore.look(path, clock=clock)
    decision = await looking.decision_of(make_ref())
    assert decision is not None
    assert decision.served
    assert await looking.policy(POLICY) is None
    assert await looking.verify_audit() == before[1]["audit"]
    await looking.close()
    assert look(path) == before


async def test_look__refuses_what_a_newer_pratique_upgraded(path: Path, clock: FakeClock) -> None:
    await SqliteStore.open(path, clock=clock).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {len(packaged()) + 1}")
    raw.close()
    with pytest.raises(StoreSchemaNewer):
        SqliteStore.look(path, clock=clock)
