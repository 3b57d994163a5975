"""The records in a folder or archive, one after the other, each bounded. Blocks; runs in the child.

What an archive is, its first bytes say, not its name: a URL need not end in anything.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from analyzer.advisories.parse import RECORD_BYTES_MAX
from models.errors import FeedInvalid

MEMBERS_MAX = 3_000_000
"""Files in a folder or archive; the malicious-packages repository holds some 500,000 (ours)."""
TOTAL_BYTES_MAX = 16 * 1024**3
"""Bytes unpacked in all; that repository has some 2 GB."""
SNIFF_BYTES = 512
"""Bytes that tell what a file is: a tar's magic stands at 257."""
_ENDINGS = (".json", ".yaml", ".yml")
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One record's bytes, and where they stood. `data` None: it is larger than a record may be."""

    where: str
    data: bytes | None
    yaml: bool = False


def read_records(
    path: Path, *, members_max: int = MEMBERS_MAX, total_bytes_max: int = TOTAL_BYTES_MAX
) -> Iterator[Raw]:
    """Every record below or in `path`. Raises FeedInvalid where it is broken or beyond a bound."""
    members = total = 0
    try:
        for raw in _records(path):
            members += 1
            total += len(raw.data or b"")
            if members > members_max or total > total_bytes_max:
                raise FeedInvalid(
                    f"The feed holds more than {members_max} records or {total_bytes_max} bytes."
                )
            yield raw
    except _BROKEN as error:
        raise FeedInvalid(f"The feed is broken: {error}.") from error


def _records(path: Path) -> Iterator[Raw]:
    if path.is_dir():
        yield from _of_folder(path)
        return
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
        file.seek(0)
        if head.startswith(b"PK"):
            yield from _of_zip(file)
        elif head.startswith(b"\x1f\x8b"):
            yield from _of_gzip(file, path.name)
        elif _is_tar(head):
            yield from _of_tar(file)
        else:
            yield from _of_text(file, path.name)


def _of_folder(folder: Path) -> Iterator[Raw]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if _is_record(name) and stat.S_ISREG(path.lstat().st_mode):
                with path.open("rb") as file:
                    yield _raw(str(path.relative_to(folder)), file)


def _of_zip(file: IO[bytes]) -> Iterator[Raw]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if _is_record(member.filename):
                with archive.open(member) as opened:
                    yield _raw(member.filename, opened)


def _of_gzip(file: IO[bytes], name: str) -> Iterator[Raw]:
    with gzip.open(file) as unpacked:
        opened: IO[bytes] = io.BufferedReader(unpacked)
        head = opened.read(SNIFF_BYTES)
        opened.seek(0)
        if _is_tar(head):
            yield from _of_tar(opened)
        else:
            yield from _of_text(opened, name.removesuffix(".gz"))


def _of_tar(file: IO[bytes]) -> Iterator[Raw]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isreg() else None
            if opened is not None and _is_record(member.name):
                yield _raw(member.name, opened)


def _of_text(file: IO[bytes], name: str) -> Iterator[Raw]:
    """One record a line, or one record in all."""
    if name.endswith((".yaml", ".yml")):
        yield _raw(name, file)
        return
    first = file.readline(RECORD_BYTES_MAX + 1)
    if not first.rstrip().endswith(b"}"):
        rest = file.read(RECORD_BYTES_MAX + 1)
        yield _raw(name, io.BytesIO(first + rest))
        return
    number, line = 1, first
    while line:
        if len(line) > RECORD_BYTES_MAX:
            raise FeedInvalid(f"Line {number} is longer than {RECORD_BYTES_MAX} bytes.")
        if line.strip():
            yield Raw(where=f"line {number}", data=line)
        number, line = number + 1, file.readline(RECORD_BYTES_MAX + 1)


def _raw(where: str, file: IO[bytes]) -> Raw:
    data = file.read(RECORD_BYTES_MAX + 1)
    return Raw(
        where=where,
        data=data if len(data) <= RECORD_BYTES_MAX else None,
        yaml=where.endswith((".yaml", ".yml")),
    )


def _is_record(name: str) -> bool:
    hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
    return name.endswith(_ENDINGS) and not hidden


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"
