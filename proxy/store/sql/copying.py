"""Whole databases: copied while others write, checked, and written anew without their free pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from models.errors import StoreConflict, StoreError
from proxy.store.sql.connection import BUSY_S, FILE_MODE
from proxy.store.sql.faults import told_plainly

STEP_PAGES = 256
"""Pages of 4 KiB copied at once, between which progress is told."""

Progress = Callable[[int, int], None]
"""Told (pages copied, pages in all)."""


def copy_database(
    source: Path, target: Path, *, progress: Progress = lambda _done, _total: None
) -> None:
    """Copy the database as it is at this moment; writers go on meanwhile. Blocks.

    SQLite's backup begins anew whenever another connection writes in between, and would never end under
    a server that does. So a read transaction is held from the first step to the last: all of it is one
    snapshot of the log, which nobody has to wait for; the log grows as long as it takes. `target` is one
    file, without a log. Raises StoreError.
    """
    target.touch(FILE_MODE, exist_ok=False)
    with told_plainly(source), closing(_connect(source)) as from_:
        from_.execute("PRAGMA query_only = ON")
        from_.execute("BEGIN")
        from_.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the snapshot
        with told_plainly(target), closing(sqlite3.connect(target)) as to:
            from_.backup(
                to,
                pages=STEP_PAGES,
                progress=lambda _status, left, total: progress(total - left, total),
            )
            to.execute("PRAGMA journal_mode = delete").fetchone()


def check_database(path: Path) -> int:
    """Read a whole file and tell its schema. Blocks. Raises StoreError where it is damaged."""
    with told_plainly(path), closing(_connect(path)) as raw:
        raw.execute("PRAGMA trusted_schema = OFF")
        raw.execute("PRAGMA query_only = ON")
        (told,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
        if told != "ok":
            raise StoreError(
                f"The database {path} is damaged: {told}.", next_step="Use another backup."
            )
        (schema,) = raw.execute("PRAGMA user_version").fetchone()
        return int(schema)


def compact(path: Path) -> tuple[int, int]:
    """Write a database anew without its free pages; bytes before and after.

    From then on it gives pages back in steps as well. Blocks, needs as much disk again, and nobody else
    may have the file open. Raises StoreConflict where somebody has, and StoreError.
    """
    before = path.stat().st_size
    with told_plainly(path), closing(_connect(path)) as raw:
        raw.execute("PRAGMA busy_timeout = 0")
        raw.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            raise StoreConflict(
                f"{path} is in use.", next_step="Stop `pratique serve` on this data folder first."
            ) from error
    return before, path.stat().st_size


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S)
    connection.isolation_level = None
    return connection
