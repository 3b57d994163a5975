"""Brings a database to the newest schema, one transaction a step; the number is `user_version`.

A kill in the middle leaves the step undone, since SQLite keeps `user_version` in the same
transaction as the tables. Two processes that start at once take turns: each looks at the number
again once it holds the write lock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from sqlite_utils import Database

from models.errors import StoreError, StoreSchemaNewer

APPLICATION_ID = 0x50524154
"""`PRAT` in the file's header (sqlite.org/pragma.html#pragma_application_id), so that we never
write our tables into somebody else's database."""

_FILENAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step: `number` is the schema's version after it."""

    number: int
    name: str
    sql: str


def packaged() -> tuple[Migration, ...]:
    """The migrations in `proxy/store/migrations`, in order."""
    found = []
    for file in resources.files("proxy.store.migrations").iterdir():
        if match := _FILENAME.match(file.name):
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(number=int(match[1]), name=file.name, sql=sql))
    return tuple(sorted(found, key=lambda migration: migration.number))


def check_ours(db: Database, newest: int) -> None:
    """Raises before anything is written: StoreSchemaNewer, or StoreError for a foreign database."""
    version = _number(db, "PRAGMA user_version")
    application_id = _number(db, "PRAGMA application_id")
    if application_id != APPLICATION_ID and (application_id or version or _has_tables(db)):
        raise StoreError(
            "The file is a database, but not one of Pratique's.",
            next_step="Name another file, or another data folder.",
        )
    if version > newest:
        raise StoreSchemaNewer(
            f"The database has schema {version}; this Pratique knows schemas up to {newest}.",
            next_step="Run the newer Pratique, or restore the backup from before the upgrade.",
        )


def migrate(db: Database, migrations: Sequence[Migration]) -> int:
    """Applies what is missing; the number of steps taken."""
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"The migrations are not numbered 1, 2, 3 …: {numbers}.")
    steps = 0
    if _number(db, "PRAGMA user_version") == len(migrations):
        return steps
    for migration in migrations:
        steps += _step(db, migration, newest=len(migrations))
    return steps


def _step(db: Database, migration: Migration, *, newest: int) -> int:
    db.execute("BEGIN IMMEDIATE")
    try:
        check_ours(db, newest)
        if _number(db, "PRAGMA user_version") >= migration.number:
            db.rollback()
            return 0
        db.executescript(migration.sql)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        db.execute(f"PRAGMA user_version = {migration.number:d}")
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return 1


def _has_tables(db: Database) -> bool:
    return _number(db, "SELECT count(*) FROM sqlite_master") > 0


def _number(db: Database, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
