"""Fetch records on their way into the store: append-only files of JSON lines, one writer each.

A line is in the file, by write(2), before its byte leaves; from there the kernel keeps it whatever
happens to our processes, exactly as it keeps a commit of the store. A file that its process left
behind is known by its lock, which died with the process, and whoever starts next takes it over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from proxy.store.port import Fetch

LOG = structlog.get_logger()

JOURNAL_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of the files of one process, about 150,000 records; when they are full, bytes are refused."""
SUFFIX = ".journal"
_NAME_BYTES = 6
_MODE = 0o640


@dataclass(slots=True)
class Segment:
    """A file that is written no more, locked by us until it is removed."""

    path: Path
    descriptor: int
    done: int = 0
    """Records at its beginning that are in the store already."""

    def read(self) -> tuple[Fetch, ...]:
        """All whole records; a line cut by a kill was never acknowledged and is left out."""
        fetches: list[Fetch] = []
        for line in self.path.read_bytes().splitlines():
            try:
                fetches.append(msgspec.json.decode(line, type=Fetch))
            except msgspec.DecodeError:
                LOG.warning("journalled_fetch_damaged", size_bytes=len(line))
        return tuple(fetches)

    def size(self) -> int:
        """Its bytes."""
        return os.fstat(self.descriptor).st_size

    def remove(self) -> None:
        """Its records are in the store."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Journal:
    """The files of one process. Not to be used by two threads at once."""

    def __init__(self, folder: Path, *, bytes_max: int = JOURNAL_BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._prefix = secrets.token_hex(_NAME_BYTES)
        self._number = 0
        self._current: Segment | None = None
        self._size = 0
        self._behind = 0
        """Bytes of rotated files that are not removed yet."""

    def append(self, line: bytes) -> None:
        """Return once `line` is written. Raises OSError where it is not, or the files are full."""
        if self._behind + self._size + len(line) > self._bytes_max:
            raise OSError(f"the journal has reached its bound of {self._bytes_max} bytes")
        current = self._current or self._begin()
        written = os.write(current.descriptor, line)
        if written != len(line):
            os.ftruncate(current.descriptor, self._size)  # or the next line would begin within it
            raise OSError("the disk took only part of a record")
        self._size += written

    def rotate(self) -> Segment | None:
        """What was appended since the last time; None where that is nothing."""
        segment = self._current
        if segment is None or self._size == 0:
            return None
        self._behind += self._size
        self._current, self._size = None, 0
        return segment

    def remove(self, segment: Segment) -> None:
        """Let go of a rotated or orphaned file. Raises OSError."""
        size = segment.size()
        segment.remove()
        self._behind = max(0, self._behind - size)

    def orphans(self) -> tuple[Segment, ...]:
        """What dead processes left behind; locked by us from now on. Raises OSError."""
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if not path.name.startswith(self._prefix):
                segment = claim(path)
                if segment is not None:
                    found.append(segment)
        return tuple(found)

    def sync(self) -> None:
        """Flush what was appended to the disk itself. Raises OSError."""
        if self._current is not None:
            os.fsync(self._current.descriptor)

    def close(self) -> None:
        """Let go of a file without records."""
        if self._current is not None and self._size == 0:
            self._current.remove()
            self._current = None

    def _begin(self) -> Segment:
        self._folder.mkdir(exist_ok=True)
        self._number += 1
        path = self._folder / f"{self._prefix}-{self._number:08}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, _MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._current = Segment(path, descriptor)
        return self._current


def claim(path: Path) -> Segment | None:
    """The file at `path`, locked by us; None where it is gone, or its writer lives."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink > 0:  # else somebody else brought it into the store
            return Segment(path, descriptor)
    except OSError:
        pass
    with suppress(OSError):
        os.close(descriptor)
    return None


def lines_of(fetches: Sequence[Fetch]) -> bytes:
    """Records as they stand in a journal."""
    return b"".join(msgspec.json.encode(fetch) + b"\n" for fetch in fetches)


def in_journals(folder: Path) -> bytes:
    """All that stands in the journals of `folder` at this moment, for a backup. Raises OSError."""
    parts = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(FileNotFoundError):  # it went into the store meanwhile
            parts.append(path.read_bytes())
    return b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts if part)
