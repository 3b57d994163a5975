"""Migrations: from any older version, in turns, and never half."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlite_utils import Database

from models.decision import Decision
from models.errors import StoreError, StoreSchemaNewer
from proxy.store.codec import encode
from proxy.store.sql.connection import Connection
from proxy.store.sql.migrate import Migration, migrate, packaged
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.processes import ROOT
from tests.proxy.store.values import POLICY, FakeClock, make_decision, make_ref

NEXT = len(packaged()) + 1
ADDS_A_COLUMN = Migration(
    number=NEXT,
    name="adds_a_column.sql",
    sql="ALTER TABLE fetches ADD COLUMN country TEXT NOT NULL DEFAULT '';"
    "CREATE TRIGGER two_statements AFTER INSERT ON fetches BEGIN SELECT 1; SELECT 2; END;"
    "CREATE INDEX fetches_by_country ON fetches (country);",
)
KILLED_IN_THE_MIDDLE = Migration(
    number=NEXT, name="killed.sql", sql="CREATE TABLE half (x); SELECT halt(); DROP TABLE fetches;"
)
FAILS = Migration(number=NEXT, name="fails.sql", sql="CREATE TABLE half (x); SELECT nonsense();")


def open_store(path: Path, clock: FakeClock, extra: Sequence[Migration] = ()) -> SqliteStore:
    migrations = (*packaged(), *extra)
    return SqliteStore(Connection.open(path, clock=clock, migrations=migrations))


def look(path: Path) -> tuple[int, set[str]]:
    """The version of a file, and the names in it."""
    raw = sqlite3.connect(path)
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    names = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    raw.close()
    return version, names


def test_packaged__are_numbered_without_a_gap() -> None:
    migrations = packaged()
    assert migrations
    assert [migration.number for migration in migrations] == list(range(1, NEXT))


async def test_open__brings_an_older_file_up_to_date_with_all_it_holds(
    path: Path, clock: FakeClock
) -> None:
    old = open_store(path, clock)
    await old.put_decision(make_decision())
    await old.close()
    new = open_store(path, clock, [ADDS_A_COLUMN])
    assert await new.decision_of(make_ref()) == make_decision()
    await new.close()
    version, names = look(path)
    assert version == NEXT
    assert {"fetches_by_country", "two_statements"} <= names


async def test_open__an_older_pratique_refuses_what_a_newer_one_upgraded(
    path: Path, clock: FakeClock
) -> None:
    await open_store(path, clock, [ADDS_A_COLUMN]).close()
    before = look(path)
    with pytest.raises(StoreSchemaNewer) as caught:
        open_store(path, clock)
    assert caught.value.next_step
    assert look(path) == before


async def test_migrate__that_fails_leaves_the_version_before(path: Path, clock: FakeClock) -> None:
    await open_store(path, clock).close()
    before = look(path)
    with pytest.raises(StoreError):
        open_store(path, clock, [FAILS])
    assert look(path) == before
    await open_store(path, clock, [ADDS_A_COLUMN]).close()


MIGRATE_AND_DIE = """
import os, signal, sqlite3, sys
from sqlite_utils import Database
from proxy.store.sql.migrate import migrate, packaged
from tests.proxy.store.sql.test_migrate import KILLED_IN_THE_MIDDLE
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.create_function("halt", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
migrate(Database(connection), (*packaged(), KILLED_IN_THE_MIDDLE))
"""


@pytest.mark.parametrize("empty", [True, False], ids=["a new file", "an older file"])
def test_migrate__killed_in_the_middle_is_done_again(
    path: Path, clock: FakeClock, empty: bool
) -> None:
    if not empty:
        asyncio.run(open_store(path, clock).close())
    ran = subprocess.run([sys.executable, "-c", MIGRATE_AND_DIE, str(path)], cwd=ROOT, check=False)
    assert ran.returncode == -signal.SIGKILL
    version, names = look(path)
    assert version == NEXT - 1
    assert "half" not in names
    asyncio.run(open_store(path, clock, [ADDS_A_COLUMN]).close())
    assert look(path)[0] == NEXT


@pytest.mark.parametrize("numbers", [[2], [1, 1], [1, 3]])
def test_migrate__refuses_a_gap_or_a_double(numbers: list[int]) -> None:
    migrations = [Migration(number=number, name="x.sql", sql="") for number in numbers]
    database = Database(memory=True)
    with pytest.raises(StoreError):
        migrate(database, migrations)
    database.close()


async def test_migrate__is_done_once_by_those_who_start_together(
    path: Path, clock: FakeClock
) -> None:
    """Each of several threads opens the new file at once, as processes do at a start."""
    stores = await asyncio.gather(
        *(asyncio.to_thread(SqliteStore.open, path, clock=clock) for _ in range(4))
    )
    for store in stores:
        await store.append_audit(actor="a", action="b", subject="c", detail="{}")
    assert await stores[0].verify_audit() == 4
    for store in stores:
        await store.close()


async def test_open__files_that_are_monitored_already_come_onto_the_watch_list(
    path: Path, clock: FakeClock
) -> None:
    before = tuple(one for one in packaged() if one.number < 9)
    await Connection.open(path, clock=clock, migrations=before).close()
    raw = sqlite3.connect(path)
    for decision in (
        make_decision(make_ref("watched"), score=70, evidence=POLICY),
        make_decision(make_ref("approved"), score=90, evidence=POLICY),
        make_decision(make_ref("bare"), score=70),
    ):
        _put_as_before(raw, decision)
    raw.commit()
    raw.close()
    store = SqliteStore.open(path, clock=clock)
    assert [one.ref for one in await store.watched()] == [make_ref("watched")]
    await store.close()


def _put_as_before(raw: sqlite3.Connection, decision: Decision) -> None:
    """What a version without a watch list writes."""
    number = raw.execute(
        "INSERT INTO decisions (id, digest, recorded_at, schema_version, value)"
        " VALUES (?, ?, 0, ?, ?)",
        (decision.id, decision.digest, decision.schema_version, encode(decision)),
    ).lastrowid
    ref = decision.ref
    raw.execute(
        "INSERT INTO current_decisions (number, index_name, project, sha256, filename, digest,"
        " action, policy_digest, evidence_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, ref.index, ref.project, ref.sha256, ref.filename, decision.digest,
         decision.action.value, decision.policy_digest, decision.evidence_digest),
    )  # fmt: skip
