"""Stores of two older schemas, written by the code of their time, opened by the code of today."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from models.canonical import digest_of
from models.decision import Action
from models.errors import StoreSchemaNewer
from proxy.store.port import MemoryKind, TokenKind
from proxy.store.sql.connection import Connection
from proxy.store.sql.migrate import packaged
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.older import SCHEMAS, look, write_older
from tests.proxy.store.processes import ROOT
from tests.proxy.store.values import (
    POLICY,
    PYPI,
    FakeClock,
    make_decision,
    make_fetch,
    make_override,
    make_page,
    make_ref,
    name,
)

NEWEST = len(packaged())


def test_older__has_rows_in_every_table_of_its_time(path: Path) -> None:
    for schema in SCHEMAS:
        write_older(path, schema)
        version, counts = look(path)
        assert version == schema
        assert min(counts.values()) > 0
        path.unlink()


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_upgrade__leaves_every_row_where_it_was(
    path: Path, clock: FakeClock, schema: int
) -> None:
    write_older(path, schema)
    _, before = look(path)
    await SqliteStore.open(path, clock=clock).close()
    version, after = look(path)
    assert version == NEWEST
    assert {table: after[table] for table in before} == before


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_upgrade__everything_reads_as_it_was_written(
    path: Path, clock: FakeClock, schema: int
) -> None:
    write_older(path, schema)
    store = SqliteStore.open(path, clock=clock)
    for version in ("1.0", "2.0"):
        ref = make_ref("demo", version)
        decision = await store.decision_of(ref)
        assert decision is not None
        assert decision.served
        assert decision.evidence_digest is not None
        assert decision.facts_digest is not None
        evidence = await store.evidence(decision.evidence_digest)
        assert evidence is not None
        assert digest_of(evidence) == decision.evidence_digest
        assert evidence == await store.latest_evidence(ref.sha256, ref.filename)
        assert evidence.trace_digest is not None
        assert await store.blob(evidence.trace_digest)
        facts = await store.facts(decision.facts_digest)
        assert facts is not None
        assert digest_of(facts) == decision.facts_digest
        assert await store.fetch_count(ref.sha256) == 1
    assert [one.ref.project for one in await store.jobs()] == ["other"]
    assert (await store.overrides())[0] == make_override("o1", project="other")
    tokens = await store.tokens()
    assert [(one.id, one.kind) for one in tokens] == [
        ("t1", TokenKind.CLIENT),
        ("t2", TokenKind.WORKER),
    ]
    assert make_fetch(make_ref("demo", "1.0")) in await store.fetches()
    assert await store.page(PYPI, name("demo")) == make_page("demo")
    assert await store.remembered(PYPI, name("demo"), MemoryKind.OWNERS)
    assert [feed.name for feed in await store.feeds()] == ["ossf"]
    assert await store.advisories_about(name("demo"))
    assert await store.verify_audit() == 11
    assert await store.policy(POLICY) == (None if schema < 5 else "[tiers]\n")
    await store.close()


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_upgrade__decisions_keep_their_digests(
    path: Path, clock: FakeClock, schema: int
) -> None:
    """By what stands in the row, and by what the value itself says; also of those replaced since."""
    write_older(path, schema)
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT id, digest, schema_version FROM decisions").fetchall()
    raw.close()
    assert len(rows) == 4
    store = SqliteStore.open(path, clock=clock)
    for decision_id, digest, version in rows:
        decision = await store.decision_by_id(decision_id)
        assert decision is not None
        assert (decision.digest, decision.schema_version) == (digest, version)
    await store.close()


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_upgrade__the_store_works_on(path: Path, clock: FakeClock, schema: int) -> None:
    write_older(path, schema)
    store = SqliteStore.open(path, clock=clock)
    await store.put_decision(make_decision(make_ref("demo", "1.0"), action=Action.DENY))
    assert len(await store.decisions(action="DENY")) == 1
    assert await store.verify_audit() == 12
    await store.close()


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_upgrade__the_older_version_refuses_what_was_upgraded(
    path: Path, clock: FakeClock, schema: int
) -> None:
    write_older(path, schema)
    await SqliteStore.open(path, clock=clock).close()
    before = look(path)
    with pytest.raises(StoreSchemaNewer) as caught:
        Connection.open(path, clock=clock, migrations=packaged()[:schema])
    assert f"schema {NEWEST}" in caught.value.message
    assert "backup" in caught.value.next_step
    assert look(path) == before


UPGRADE_AND_DIE = """
import os, signal, sqlite3, sys
from sqlite_utils import Database
from proxy.store.sql.migrate import migrate, packaged
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA user_version").fetchone()
fatal, done = int(sys.argv[2]), 0
def count():
    global done
    done += 1
    if done == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0
connection.set_progress_handler(count, 20)
migrate(Database(connection, execute_plugins=False), packaged())
print(done)
"""
KILLS = 6
"""Moments at which the upgrade is killed, evenly between its first and its last step."""


def upgrade_and_die(path: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    """Write a store of schema 3 anew, and upgrade it in a process that dies at its step `fatal`."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    write_older(path, 3)
    return subprocess.run(
        [sys.executable, "-c", UPGRADE_AND_DIE, str(path), str(fatal)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


def test_upgrade__killed_anywhere_leaves_a_whole_schema_and_is_done_again(
    path: Path, clock: FakeClock
) -> None:
    steps = int(upgrade_and_die(path, -1).stdout)
    _, whole = look(path)
    reached = set()
    for kill in range(1, KILLS + 1):
        ran = upgrade_and_die(path, steps * kill // (KILLS + 1) or 1)
        assert ran.returncode == -signal.SIGKILL
        version, counts = look(path)
        reached.add(version)
        assert 3 <= version < NEWEST
        assert counts.items() <= whole.items()
        store = SqliteStore.open(path, clock=clock)
        assert asyncio.run(store.verify_audit()) == 11
        asyncio.run(store.close())
        assert look(path) == (NEWEST, whole)
    assert len(reached) > 1
