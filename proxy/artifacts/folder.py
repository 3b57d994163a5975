"""A folder of files by their sha256 (`ab/cdef…`), in which no file is ever half there.

Bytes are written to a temporary file on the same file system, hashed as they come, flushed to the
disk and then renamed: whoever finds a path finds the whole, verified file.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import structlog

from models.artifact import Sha256, parse_sha256
from models.errors import Overloaded, StoreError, UpstreamHashMismatch, ValueInvalid

LOG = structlog.get_logger()

DISK_BYTES_MAX = 50 * 1024**3
"""Bytes of artifacts kept; some 20,000 files of an organisation's use (ours, set by settings)."""
DISK_FREE_BYTES_MIN = 256 * 1024**2
"""Bytes that stay free on the file system, for the database beside us."""
STALE_TEMP_S = 3_600
"""Seconds without a write after which a temporary file is a dead process's; no fetch takes that."""

LOCK_LOOK_S = 0.05
"""Seconds between two tries of a lock that another process holds."""

_TEMP = "tmp"
_LOCK = ".lock"
_MODE = 0o444


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A whole file in the folder."""

    sha256: Sha256
    size_bytes: int
    stored_at: float
    """Seconds since 1970."""


class FolderArtifacts:
    """Content-addressed bytes. Several processes may share the folder. All methods block."""

    def __init__(self, root: Path, *, bytes_max: int = DISK_BYTES_MAX) -> None:
        """Make `root` where it is missing, sweep stale temporary files, count what is there.

        Raises StoreError.
        """
        self._root = root
        self._temp = root / _TEMP
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._promised = 0
        try:
            self._temp.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self._used = self._count()
        except OSError as error:
            raise _failed("counted", error) from error

    def path(self, sha256: Sha256) -> Path | None:
        """Where the bytes lie; None where they do not."""
        path = self._place(sha256)
        return path if path.is_file() else None

    def begin(self, size: int | None = None) -> Partial:
        """A file to be written; `size` is its announced number of bytes, promised to it at once.

        Raises Overloaded where the bound on the disk does not allow it, and StoreError.
        """
        self._heal()
        self._promise(size or 0)
        try:
            return Partial(self, self._temp / uuid4().hex, promised=size or 0)
        except OSError as error:
            self._promise(-(size or 0))
            raise _failed("written", error) from error

    @asynccontextmanager
    async def alone(self, sha256: Sha256) -> AsyncIterator[None]:
        """While nobody else, in whatever process, fetches the same file. Raises StoreError.

        The lock dies with its process, so that a kill keeps nobody waiting.
        """
        path = self._temp / f"{parse_sha256(sha256)}{_LOCK}"
        while (descriptor := _locked(path)) is None:  # noqa: ASYNC110 - no event crosses processes
            await asyncio.sleep(LOCK_LOOK_S)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)

    def remove(self, sha256: Sha256) -> bool:
        """Take a file out, for an operator; whoever has it open keeps reading. False: not there."""
        path = self._place(sha256)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failed("removed", error) from error
        with self._lock:
            self._used -= size
        return True

    def remove_older(self, moment: float, *, bytes_max: int) -> int:
        """Where more than `bytes_max` are kept, remove all files that came before `moment`.

        For scratch folders only: nothing here knows who still needs a file. `moment` is in seconds
        since 1970. How many went.
        """
        if self._used <= bytes_max:
            return 0
        old = []
        for entry in self._entries():
            with suppress(FileNotFoundError):  # another thread may have been quicker
                if entry.stat().st_mtime < moment:
                    old.append(Sha256(entry.parent.name + entry.name))
        return sum(self.remove(sha256) for sha256 in old)

    def files(self) -> list[StoredFile]:
        """Every whole file, counted anew: other processes write and remove here, too.

        Raises StoreError.
        """
        found = []
        try:
            for entry in self._entries():
                with suppress(FileNotFoundError, ValueInvalid):
                    stat = entry.stat()
                    sha256 = parse_sha256(entry.parent.name + entry.name)
                    found.append(StoredFile(sha256, stat.st_size, stat.st_mtime))
        except OSError as error:
            raise _failed("counted", error) from error
        with self._lock:
            self._used = sum(file.size_bytes for file in found)
        return found

    @property
    def bytes_max(self) -> int:
        """Bytes of artifacts that may be kept."""
        return self._bytes_max

    def trouble(self) -> str:
        """Why no further file would be kept; empty where there is room."""
        with self._lock:
            full = self._used + self._promised >= self._bytes_max
        if full:
            return f"the bound of {self._bytes_max} bytes of artifacts is reached"
        try:
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            return f"the folder of artifacts cannot be looked at ({error.strerror})"
        if free < DISK_FREE_BYTES_MIN:
            return f"less than {DISK_FREE_BYTES_MIN >> 20} MiB of the disk are free"
        return ""

    def used_bytes(self) -> int:
        """Bytes of whole files; counted at the start, then kept up by this process."""
        return self._used

    def _heal(self) -> None:
        """Make the folder anew where somebody removed it under us; the files come again by need."""
        if self._temp.is_dir():
            return
        LOG.error("artifacts_folder_gone", root=str(self._root))
        try:
            self._temp.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._used = self._count()
        except OSError as error:
            raise _failed("written", error) from error

    def _place(self, sha256: Sha256) -> Path:
        checked = parse_sha256(sha256)
        return self._root / checked[:2] / checked[2:]

    def _count(self) -> int:
        return sum(entry.stat().st_size for entry in self._entries())

    def _entries(self) -> Iterator[Path]:
        """Every whole file."""
        for folder in self._root.iterdir():
            if folder.is_dir() and folder.name != _TEMP:
                yield from folder.iterdir()

    def _promise(self, size: int) -> None:
        """Set `size` bytes aside (or, negative, let go of them). Raises Overloaded, StoreError."""
        try:
            with self._lock:
                if size >= 0 and self._used + self._promised + size > self._bytes_max:
                    raise _full(f"Its bound of {self._bytes_max} bytes is reached.")
                if size >= 0 and shutil.disk_usage(self._root).free - size < DISK_FREE_BYTES_MIN:
                    raise _full("The disk has too little room.")
                self._promised += size
        except OSError as error:
            raise _failed("counted", error) from error

    def _settle(self, promised: int, kept: int) -> None:
        with self._lock:
            self._promised -= promised
            self._used += kept

    def _keep(self, temp: Path, sha256: Sha256) -> tuple[Path, int]:
        """Give a whole temporary file its place; (path, bytes that are new)."""
        path = self._place(sha256)
        size = temp.stat().st_size
        path.parent.mkdir(exist_ok=True)
        existed = path.exists()
        temp.replace(path)
        _flush_folder(path.parent)
        return path, 0 if existed else size

    def _sweep(self) -> None:
        deadline = time.time() - STALE_TEMP_S
        swept = 0
        for entry in self._temp.iterdir():
            with suppress(OSError):  # another process swept it first
                if entry.stat().st_mtime < deadline:
                    entry.unlink()
                    swept += 1
        if swept:
            LOG.info("stale_downloads_swept", files=swept)


class Partial:
    """A file that is being written. Leaving its `with` block without `keep` throws it away.

    A lock keeps a write that is under way in a thread from meeting a `discard` by whoever stopped
    waiting for it: the descriptor's number may be another file's by then.
    """

    def __init__(self, folder: FolderArtifacts, temp: Path, *, promised: int) -> None:
        self._folder = folder
        self._temp = temp
        self._promised = promised
        self._hash = hashlib.sha256()
        self._settled = False
        self._lock = threading.Lock()
        self.received = 0
        """Bytes written so far."""
        self._file = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, chunk: bytes) -> None:
        """Append. Raises Overloaded at the bound on the disk, and StoreError."""
        with self._lock:
            self._check_open()
            beyond = self.received + len(chunk) - self._promised
            if beyond > 0:
                self._folder._promise(beyond)  # noqa: SLF001 - one room, two classes
                self._promised += beyond
            try:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(self._file, view) :]
            except OSError as error:
                raise _failed("written", error) from error
            self._hash.update(chunk)
            self.received += len(chunk)

    def restart(self) -> None:
        """Forget what was written. Raises StoreError."""
        with self._lock:
            self._check_open()
            try:
                os.ftruncate(self._file, 0)
                os.lseek(self._file, 0, os.SEEK_SET)
            except OSError as error:
                raise _failed("written", error) from error
            self._hash = hashlib.sha256()
            self.received = 0

    def matches(self, sha256: Sha256) -> bool:
        """Whether what was written so far has this digest."""
        return self._hash.hexdigest() == sha256

    def keep(self, sha256: Sha256) -> Path:
        """Flush and show the file. Raises UpstreamHashMismatch (nothing is kept), StoreError."""
        if not self.matches(sha256):
            raise UpstreamHashMismatch("The bytes do not have the sha256 that was announced.")
        with self._lock:
            self._check_open()
            try:
                os.fchmod(self._file, _MODE)
                os.fsync(self._file)
                path, kept = self._folder._keep(self._temp, sha256)  # noqa: SLF001 - as above
            except OSError as error:
                raise _failed("kept", error) from error
            self._finish(kept)
        return path

    def discard(self) -> None:
        """Throw away what was not kept."""
        with self._lock:
            if not self._settled:
                with suppress(OSError):
                    self._temp.unlink()
                self._finish(0)

    def _check_open(self) -> None:
        if self._settled:
            raise StoreError("The download was given up.")

    def _finish(self, kept: int) -> None:
        self._settled = True
        os.close(self._file)
        self._folder._settle(self._promised, kept)  # noqa: SLF001 - as above


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock of `path`; None while somebody else does."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failed("locked", error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # else it was taken away while we waited for it
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _flush_folder(folder: Path) -> None:
    """A rename is on the disk once its folder is (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(why: str) -> Overloaded:
    return Overloaded(
        f"There is no room for another artifact. {why}",
        next_step="Raise disk_bytes_max or free disk space; files already stored are still served.",
    )


def _failed(verb: str, error: OSError) -> StoreError:
    return StoreError(
        f"An artifact could not be {verb}: {error.strerror or error}.",
        next_step="Check the data directory's disk and permissions.",
    )
