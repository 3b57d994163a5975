"""SQLite's errors in the operator's words, each with the next step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import StoreError

_PRIMARY_CODE = 0xFF
"""Mask of the primary result code in an extended one (sqlite.org/rescode.html)."""

_DAMAGED = (
    "is damaged or is no database",
    (
        "Stop Pratique, move the file (with its -wal and -shm) aside, and restore a backup, or "
        "save what is left with `sqlite3 FILE .recover`."
    ),
)
_CLOSED_TO_US = (
    "cannot be opened or written",
    "Give the user that runs Pratique write permission on the file and on its folder.",
)
_WORDS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: (
        "cannot grow: the disk or the quota is full",
        "Free some space; what was acknowledged is stored, and this write was not.",
    ),
    sqlite3.SQLITE_BUSY: (
        "is locked by another process",
        "Find it with `fuser FILE` and let it finish, or stop it.",
    ),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _CLOSED_TO_US,
    sqlite3.SQLITE_CANTOPEN: _CLOSED_TO_US,
    sqlite3.SQLITE_PERM: _CLOSED_TO_US,
    sqlite3.SQLITE_AUTH: _CLOSED_TO_US,
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written: the disk reported an error",
        "Look for the cause in the kernel's log (`dmesg`), and check the disk.",
    ),
}
_UNKNOWN = ("gave an error", "Look at the log line of this error, and report it if it is ours.")


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """Turns whatever SQLite and the types between us raise into a StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _fault(error, path) from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"A value cannot be stored in {path}: {error}.",
            next_step="This is a fault of Pratique; please report it.",
        ) from error


def _fault(error: sqlite3.Error, path: Path) -> StoreError:
    code: int = getattr(error, "sqlite_errorcode", 0)  # absent where sqlite3 itself complains
    what, next_step = _WORDS.get(code & _PRIMARY_CODE, _UNKNOWN)
    return StoreError(f"The database {path} {what} ({error}).", next_step=next_step)
