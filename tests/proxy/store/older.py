"""Stores as older versions wrote them: `old/schema_NNNN.sql` was made by the code of that time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

OLD = Path(__file__).parent / "old"
SCHEMAS = (3, 5)
"""The schemas that there is a file of; each has rows in every table that it had."""


def write_older(path: Path, schema: int) -> None:
    """Make the file at `path` a store of that schema, in the journal mode that we use."""
    raw = sqlite3.connect(path)
    raw.executescript((OLD / f"schema_{schema:04d}.sql").read_text())
    raw.execute("PRAGMA journal_mode = wal")
    raw.close()


def look(path: Path) -> tuple[int, dict[str, int]]:
    """The schema of a file, and the number of rows in each of its tables."""
    raw = sqlite3.connect(path)
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    names = [
        row[0]
        for row in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]
    counts = {name: raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608 - names out of the file's own schema
    raw.close()
    return version, counts
