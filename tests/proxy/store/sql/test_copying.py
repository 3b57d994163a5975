"""Whole databases: a copy is one moment, whoever writes meanwhile; a damaged one is told."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import StoreConflict, StoreError
from proxy.store.sql import copying
from proxy.store.sql.copying import check_database, compact, copy_database
from proxy.store.sql.migrate import packaged
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.processes import spawn_writer
from tests.proxy.store.values import FakeClock, make_decision


def rows_in(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a table of ours


def test_copy__of_a_moment_is_whole_though_another_process_writes_all_along(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the one snapshot, each of the writes would begin the copy anew."""
    monkeypatch.setattr(copying, "STEP_PAGES", 1)
    with spawn_writer(path, "writer", 100_000) as writer:
        try:
            assert writer.stdout is not None
            for _ in range(30):
                writer.stdout.readline()
            left: list[int] = []

            def wait_for_a_write(done: int, total: int) -> None:
                left.append(total - done)
                assert writer.stdout is not None
                writer.stdout.readline()

            copy_database(path, tmp_path / "copy", progress=wait_for_a_write)
            told = int(writer.stdout.readline())
        finally:
            writer.kill()
    assert left == list(range(len(left) - 1, -1, -1))
    assert 30 <= rows_in(tmp_path / "copy", "decisions") <= told - len(left) + 2
    assert check_database(tmp_path / "copy") == len(packaged())
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    store = SqliteStore.look(tmp_path / "copy", clock=FakeClock())
    assert asyncio.run(store.verify_audit()) == rows_in(tmp_path / "copy", "audit")
    asyncio.run(store.close())
    assert sorted(file.name for file in tmp_path.glob("copy*")) == ["copy"]


def test_check__tells_a_damaged_file(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    asyncio.run(store.put_decision(make_decision()))
    asyncio.run(store.close())
    assert check_database(path) == len(packaged())
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        check_database(path)


def old_file(path: Path) -> None:
    """A file as it was made before pages were given back, half of it free."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = wal")
        raw.execute("CREATE TABLE filled (data BLOB)")
        raw.executemany("INSERT INTO filled VALUES (?)", [(bytes(8_000),) for _ in range(50)])
        raw.commit()
        raw.execute("DELETE FROM filled")
        raw.commit()


def test_compact__gives_all_free_pages_back_and_then_does_so_in_steps(path: Path) -> None:
    old_file(path)
    before, after = compact(path)
    assert after < before // 10
    assert path.stat().st_size == after
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_compact__refuses_a_file_that_somebody_has_open(path: Path) -> None:
    old_file(path)
    size = path.stat().st_size
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM filled").fetchone()
        with pytest.raises(StoreConflict, match="in use"):
            compact(path)
    assert path.stat().st_size == size
