"""Files in and beside the data folder: written whole or not at all, and locked against each other."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import StoreConflict, StoreError

KEEPING_LOCK = "keeping.lock"
"""Held by whoever lets history go in a data folder."""
CHUNK_BYTES = 1 << 20
"""Bytes read at once."""
PRIVATE_MODE = 0o600
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
"""The bytes that every SQLite connection holds a read lock on while it has a file in use
(sqlite.org, os.h: SHARED_FIRST and SHARED_SIZE)."""


@contextmanager
def keeping_alone(data_dir: Path) -> Iterator[None]:
    """The only one who lets history go in `data_dir`. Raises StoreConflict where somebody does."""
    try:
        file = os.open(data_dir / KEEPING_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    except OSError as error:
        raise failed(data_dir / KEEPING_LOCK, error) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreConflict(
                "Another process is letting old history go at the moment.",
                next_step="Wait until it is done; `pratique serve` does it once a day by itself.",
            ) from error
        yield
    finally:
        os.close(file)


@contextmanager
def unused_database(path: Path) -> Iterator[None]:
    """Nobody has the database at `path` open, nor opens it meanwhile. Raises StoreConflict.

    By SQLite's own lock, so that a damaged file, and any version of Pratique, are told as well. Not for
    a process that has the file open itself: closing it here would take that one's locks away.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise failed(path, error) from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
    except OSError as error:
        os.close(file)
        raise StoreConflict(
            f"{path} is in use.", next_step="Stop `pratique serve` on this data folder first."
        ) from error
    try:
        yield
    finally:
        os.close(file)


def digest_of_file(path: Path) -> tuple[str, int]:
    """Hex sha256 and size of a file. Raises OSError."""
    hashed, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hashed.update(chunk)
            size += len(chunk)
    return hashed.hexdigest(), size


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def failed(path: Path, error: OSError) -> StoreError:
    """The error for a file that cannot be read or written."""
    return StoreError(
        f"{path} cannot be read or written: {error.strerror or error}.",
        next_step="Check the disk's free space and the permissions.",
    )
