"""The file and its connection: strangers, damage, locks, full disks, owners."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.canonical import digest_of_bytes
from models.errors import StoreError, StoreSchemaNewer
from proxy.store.sql.connection import Session
from proxy.store.sql.migrate import APPLICATION_ID
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.processes import NOBODY, open_as_nobody
from tests.proxy.store.values import PYPI, FakeClock, make_decision, make_page, make_ref, name

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own are closed to all but us."""
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


# -- a busy neighbour, a full disk -----------------------------------------------------------
async def test_write__against_a_lock_that_never_ends_is_an_error_with_a_next_step(
    sqlite_store: SqliteStore, path: Path
) -> None:
    await sqlite_store._on.read(lambda session: session.row("PRAGMA busy_timeout = 10"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        await sqlite_store.put_decision(make_decision())
    other.execute("ROLLBACK")
    other.close()
    assert caught.value.next_step
    await sqlite_store.put_decision(make_decision())
    assert await sqlite_store.verify_audit() == 1


async def test_write__on_a_full_disk_is_an_error_and_leaves_nothing_half_written(
    sqlite_store: SqliteStore,
) -> None:
    await sqlite_store.put_decision(make_decision())

    def fill(session: Session) -> None:
        pages = session.rows("PRAGMA page_count")[0]["page_count"]
        session.rows(f"PRAGMA max_page_count = {pages + 8}")

    await sqlite_store._on.read(fill)
    kept, generation = 0, await sqlite_store.generation()
    error: StoreError | None = None
    while error is None and kept < 1000:
        try:
            await sqlite_store.put_decision(make_decision(make_ref("full", f"{kept}.0")))
            kept += 1
        except StoreError as caught:
            error = caught
    assert error is not None
    assert "full" in error.message
    assert "Free some space" in error.next_step
    assert kept > 0
    assert len(await sqlite_store.decisions_of(PYPI, name("full"))) == kept
    assert await sqlite_store.generation() == generation + kept
    assert await sqlite_store.verify_audit() == kept + 1
    with pytest.raises(StoreError, match="full"):
        await sqlite_store.put_blob(digest_of_bytes(bytes(100_000)), bytes(100_000))
    await sqlite_store._on.read(lambda session: session.rows("PRAGMA max_page_count = 100000"))
    await sqlite_store.put_decision(make_decision(make_ref("full", "9999.0")))
    assert await sqlite_store.verify_audit() == kept + 2


async def test_write__of_a_number_that_no_column_holds_is_a_store_error(
    sqlite_store: SqliteStore,
) -> None:
    with pytest.raises(StoreError):
        await sqlite_store.touch_project(PYPI, name("\ud800"))
    page = make_page()
    object.__setattr__(page, "max_age_s", 2**70)
    with pytest.raises(StoreError):
        await sqlite_store.put_page(page)
    assert await sqlite_store.page(PYPI, name("demo")) is None


# -- files that are not as they should be ----------------------------------------------------
def test_open__no_database_is_an_error_and_stays_as_it_is(path: Path, clock: FakeClock) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="damaged") as caught:
        SqliteStore.open(path, clock=clock)
    assert "backup" in caught.value.next_step
    assert path.read_bytes() == before


def overwrite_table(path: Path, table: str) -> None:
    """Noise over the root page of a table, where its file is still a database."""
    raw = sqlite3.connect(path)
    (page,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = raw.execute("PRAGMA page_size").fetchone()
    raw.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


async def test_read__of_damaged_pages_is_an_error_with_a_next_step(
    path: Path, clock: FakeClock
) -> None:
    store = SqliteStore.open(path, clock=clock)
    for number in range(50):
        await store.put_decision(make_decision(make_ref(version=f"{number}.0")))
    await store.close()
    overwrite_table(path, "current_decisions")
    store = SqliteStore.open(path, clock=clock)
    with pytest.raises(StoreError, match="damaged") as caught:
        await store.decisions_of(PYPI, name("demo"))
    assert "backup" in caught.value.next_step
    await store.close()


def test_open__a_stranger_s_database_is_refused_and_stays_as_it_is(
    path: Path, clock: FakeClock
) -> None:
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE precious (x)")
    theirs.commit()
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not one of Pratique's"):
        SqliteStore.open(path, clock=clock)
    assert path.read_bytes() == before


def test_open__a_newer_schema_is_refused(path: Path, clock: FakeClock) -> None:
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    with pytest.raises(StoreSchemaNewer) as caught:
        SqliteStore.open(path, clock=clock)
    assert caught.value.next_step


def test_open__without_its_folder_is_an_error_with_a_next_step(
    tmp_path: Path, clock: FakeClock
) -> None:
    with pytest.raises(StoreError, match="cannot be made") as caught:
        SqliteStore.open(tmp_path / "nowhere" / "x.sqlite", clock=clock)
    assert "folder" in caught.value.next_step


@pytest.mark.parametrize("there", [False, True], ids=["to be made", "already there"])
def test_open__in_a_read_only_folder_is_an_error_with_a_next_step(
    open_folder: Path, clock: FakeClock, there: bool
) -> None:
    path = open_folder / "pratique.sqlite"
    if there:
        asyncio.run(SqliteStore.open(path, clock=clock).close())
        path.chmod(0o444)
    open_folder.chmod(0o555)
    ran = open_as_nobody(path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("StoreError")
    assert "write permission" in ran.stdout


# -- who may read it, who owns it ------------------------------------------------------------
def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))]


async def test_open__makes_files_that_only_their_owner_reads(path: Path, clock: FakeClock) -> None:
    old = os.umask(0)
    try:
        store = SqliteStore.open(path, clock=clock)
        await store.put_decision(make_decision())
        modes = [stat.S_IMODE(file.stat().st_mode) for file in _files(path)]
        await store.close()
    finally:
        os.umask(old)
    assert modes == [0o600] * 3


def test_open__through_a_link_to_nowhere_makes_a_private_file(path: Path, clock: FakeClock) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    asyncio.run(SqliteStore.open(link, clock=clock).close())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@AS_ROOT
@pytest.mark.parametrize("made_by", ["owner", "root"])
async def test_open__by_root_does_not_lock_the_owner_out(
    open_folder: Path, clock: FakeClock, made_by: str
) -> None:
    """The command line runs as root beside a service with its own user, on the same file."""
    os.chown(open_folder, NOBODY, NOBODY)
    path = open_folder / "pratique.sqlite"
    if made_by == "owner":
        assert open_as_nobody(path).stdout == "1\n"
    store = SqliteStore.open(path, clock=clock)
    await store.append_audit(actor="root", action="written", subject="x", detail="{}")
    assert {file.stat().st_uid for file in _files(path)} == {NOBODY}
    ran = open_as_nobody(path)
    assert ran.stderr == ""
    assert ran.stdout == ("3\n" if made_by == "owner" else "2\n")
    assert await store.verify_audit() == int(ran.stdout)
    await store.close()
