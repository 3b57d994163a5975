"""Files that come in: sealed memfds, hashed again while they are copied to where the box sees them.

The bytes are hostile and are only copied and hashed here, never parsed. A sender that could still
write to them could change them between the hash and the use, hence the seals.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from analyzer.sandbox.protocol import INPUT_BYTES_MAX, InputFile

SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
ROLES = ("artifact", "run", "build", "tool")
FILENAME_CHARS_MAX = 200
"""Characters of a file name; the longest on PyPI is below 180, Linux allows 255."""
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK_BYTES = 1 << 20


class InputRefused(Exception):
    """An input is not what the worker said it is."""


def make_sealed(data: bytes, *, name: str = "input") -> int:
    """A memfd with `data` that nobody can change any more."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        _write_all(descriptor, data)
        seal(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def seal(descriptor: int) -> None:
    """Forbid any further change of a memfd."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    os.lseek(descriptor, 0, os.SEEK_SET)


def require_sealed(descriptor: int) -> None:
    """Raise InputRefused unless `descriptor` is a memfd with all seals set."""
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise InputRefused("an input is not a memfd") from error
    if seals & SEALS != SEALS:
        raise InputRefused("an input is not sealed against change")


def check_input(described: InputFile, descriptor: int) -> None:
    """Raise InputRefused unless name, role, digest form, seals and size are in order."""
    if not _FILENAME.match(described.filename) or len(described.filename) > FILENAME_CHARS_MAX:
        raise InputRefused("an input's file name is not one plain path segment")
    if described.role not in ROLES:
        raise InputRefused("an input has an unknown role")
    if not _SHA256.match(described.sha256):
        raise InputRefused("an input's sha256 is not 64 lower-case hex digits")
    require_sealed(descriptor)
    size = os.fstat(descriptor).st_size
    if size != described.size or not 0 < size <= INPUT_BYTES_MAX:
        raise InputRefused("an input does not have the announced size")


def copy_in(
    described: InputFile,
    descriptor: int,
    target: Path | None,
    *,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Copy an input to `target` (root's, read-only), and compare its sha256 on the way.

    `target` None: compare only (where bwrap copies the file itself). `check` is called for each
    MiB and may raise to stop (the client went, the daemon stops).
    """
    digest = hashlib.sha256()
    out = None if target is None else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        offset = 0
        while offset < described.size:
            check()
            data = os.pread(descriptor, min(_CHUNK_BYTES, described.size - offset), offset)
            if not data:
                raise InputRefused("an input ended early")
            digest.update(data)
            offset += len(data)
            if out is not None:
                _write_all(out, data)
    finally:
        if out is not None:
            os.close(out)
    if digest.hexdigest() != described.sha256:
        raise InputRefused("an input does not have the announced sha256")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
