"""One SQLite file, one connection, one thread: every statement runs there, off the event loop.

Journal mode is WAL with `synchronous=NORMAL`. A commit is then in the log file, by write(2),
before the method that made it returns: from there the kernel keeps it whatever happens to our
processes, so it outlives a `kill -9` of any of them. What NORMAL leaves out is an fsync at every
commit, which only a power cut can tell apart: it may take the newest commits, never damage the
file or leave half a transaction. Acts of people (overrides, tokens, distrust), which nothing
would derive again, are the exception: they are written with `synchronous=FULL`.

Since a commit costs no fsync, gathering single writes into one transaction would win little;
callers that have many rows (fetch records) hand them over together instead.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from models.clock import Clock
from models.errors import StoreError
from proxy.store.sql.faults import told_plainly
from proxy.store.sql.migrate import Migration, check_ours, migrate

P = ParamSpec("P")
T = TypeVar("T")
Row = Mapping[str, Any]

BUSY_S = 5.0
"""Seconds to wait for another process' write lock; our longest transaction takes a fraction."""
BUSY_PAUSE_S = 0.02
"""Seconds between tries where SQLite gives up at once (the switch to WAL)."""
CACHE_KIB = 8 * 1024
"""KiB of page cache: all decisions of the largest project fit."""
JOURNAL_BYTES_MAX = 64 * 1024 * 1024
"""Bytes that the log keeps on disk after a checkpoint."""
FILE_MODE = 0o600
"""The file holds who fetched what, from where; SQLite gives -wal and -shm the same mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a piece of work may use: the connection, and the time."""

    db: Database
    clock: Clock

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query, read to the end: an open cursor would hold up checkpoints."""
        return list(self.db.query(sql, dict(params or {})))

    def row(self, sql: str, params: Mapping[str, Any] | None = None) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, params)), None)

    def run(self, sql: str, params: Mapping[str, Any] | None = None) -> sqlite3.Cursor:
        """Execute a statement that gives no rows."""
        return self.db.execute(sql, dict(params or {}))

    def run_with(self, sql: str, values: Sequence[Any]) -> None:
        """Execute a statement with the values of its question marks."""
        self.db.conn.execute(sql, values)

    def run_many(self, sql: str, params: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement once for each set of parameters."""
        self.db.conn.executemany(sql, params)


class Connection:
    """The file, the thread, and the two ways of working on it: read and write."""

    def __init__(self, path: Path, session: Session, executor: ThreadPoolExecutor) -> None:
        self.path = path
        self._session = session
        self._executor = executor
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, clock: Clock, migrations: Sequence[Migration]) -> Connection:
        """Opens, makes or upgrades the file. Blocks; raises StoreError or StoreSchemaNewer."""
        path = path.resolve()  # so that a link to nowhere is made by us, with our mode
        executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            db = executor.submit(_open, path, migrations).result()
        except BaseException:
            executor.shutdown()
            raise
        return cls(path, Session(db=db, clock=clock), executor)

    @classmethod
    def look(cls, path: Path, *, clock: Clock, migrations: Sequence[Migration]) -> Connection:
        """Opens the file to read it alone: it is not made, not upgraded, and cannot be written.

        Blocks; raises StoreError where there is no file, or StoreSchemaNewer.
        """
        if not path.is_file():
            raise StoreError(
                f"There is no store at {path}.",
                next_step="Name the data folder of `pratique serve` with --data-dir.",
            )
        executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            db = executor.submit(_look, path, migrations).result()
        except BaseException:
            executor.shutdown()
            raise
        return cls(path, Session(db=db, clock=clock), executor)

    async def read(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` on one snapshot of the database."""
        return await self._submit(lambda: self._transact("BEGIN", work, *args, **kwargs))

    async def write(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` under the write lock, all of it or nothing."""
        return await self._submit(lambda: self._transact("BEGIN IMMEDIATE", work, *args, **kwargs))

    async def write_through(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `write`, and on the disk itself before it returns."""

        def transact() -> T:
            self._session.run("PRAGMA synchronous = FULL")
            try:
                return self._transact("BEGIN IMMEDIATE", work, *args, **kwargs)
            finally:
                self._session.run("PRAGMA synchronous = NORMAL")

        return await self._submit(transact)

    async def close(self) -> None:
        """Finish what is under way, then let go of the file. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._session.db.close)
        self._executor.shutdown()

    async def _submit(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.", next_step="Open it again.")

        def told() -> T:
            with told_plainly(self.path):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._executor, told)

    def _transact(
        self,
        begin: str,
        work: Callable[Concatenate[Session, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        db = self._session.db
        db.execute(begin)
        try:
            outcome = work(self._session, *args, **kwargs)
            db.commit()
        except BaseException:
            db.rollback()
            raise
        return outcome


def _open(path: Path, migrations: Sequence[Migration]) -> Database:
    _create_private(path)
    with told_plainly(path):
        # isolation_level=None: the transactions are ours, Python begins none behind our back.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            db = Database(connection, execute_plugins=False)
            check_ours(db, len(migrations))
            _give_back_pages(db)
            _use_wal(db)
            migrate(db, migrations)
            _configure(db)
        except BaseException:
            connection.close()
            raise
    return db


def _look(path: Path, migrations: Sequence[Migration]) -> Database:
    """A connection that reads. SQLite itself may write the log's index, which every reader shares."""
    with told_plainly(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_S)
        connection.isolation_level = None
        try:
            db = Database(connection, execute_plugins=False)
            check_ours(db, len(migrations))
            _configure(db)
            db.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return db


def _create_private(path: Path) -> None:
    """Makes an empty file that only its owner may read, if there is none.

    Made by root in somebody else's folder (the command line beside a service of its own user), it
    belongs to the folder's owner, who would be locked out otherwise. SQLite itself gives -wal and
    -shm to the owner of the database.
    """
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"The database {path} cannot be made: {error.strerror}.",
            next_step="Make its folder, and give the user that runs Pratique write permission.",
        ) from error
    try:
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(made, folder.st_uid, folder.st_gid)
    finally:
        os.close(made)


def _give_back_pages(db: Database) -> None:
    """Lets a new file shrink in steps; a file with tables would have to be written anew for it."""
    if db.execute("PRAGMA page_count").fetchone()[0] == 0:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")


def _use_wal(db: Database) -> None:
    """Switches to WAL; where another process does the same, SQLite may not wait by itself."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = wal").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(BUSY_PAUSE_S)
            continue
        if mode != "wal":
            raise StoreError(
                f"The file system does not carry SQLite's log (journal mode {mode}).",
                next_step="Put the data folder on a local disk.",
            )
        return


def _configure(db: Database) -> None:
    for pragma in (
        "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA trusted_schema = OFF",
        f"PRAGMA cache_size = -{CACHE_KIB:d}",
        f"PRAGMA journal_size_limit = {JOURNAL_BYTES_MAX:d}",
    ):
        db.execute(pragma)
