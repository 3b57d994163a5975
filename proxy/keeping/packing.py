"""A backup folder as one file (tar, gzip), and out of it again: only parts that the manifest names.

The manifest is the last member, so that a file that was cut off has none. Out of an archive nothing is
taken but plain files whose names are those of parts, each into a file that is new: no link, no path
upwards, no name that a part may not have, and no byte more than the manifest says.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from analyzer.clean import printable
from proxy.keeping.folder import CHUNK_BYTES, PRIVATE_MODE, failed
from proxy.keeping.manifest import (
    ARTIFACTS,
    MANIFEST,
    MANIFEST_BYTES_MAX,
    PARTS_MAX,
    Manifest,
    Part,
    broken,
    decode_manifest,
    is_part,
)

SUFFIXES = (".tar.gz", ".tgz")
GZIP_LEVEL = 3
"""Databases shrink to a fifth with it; wheels are compressed already."""
ARTIFACT_MODE = 0o444
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, OSError)
"""What reading an archive raises that is damaged, or none."""


def pack(folder: Path, manifest: Manifest, target: Path) -> None:
    """Write a backup folder into one new file. Blocks. Raises StoreError."""
    names = [part.name for part in manifest.parts]
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=GZIP_LEVEL) as tar:
                for name in [*names, MANIFEST]:
                    tar.add(folder / name, arcname=name, recursive=False, filter=_plain)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise failed(target, error) from error


def manifest_of(archive: IO[bytes]) -> Manifest:
    """The manifest at the end of an archive. Reads all of it. Raises StoreError."""
    archive.seek(0)
    found: Manifest | None = None
    for member, content in _members(archive):
        if found is not None:
            raise broken("something comes after its manifest")
        if member.name == MANIFEST:
            found = decode_manifest(_read(content, MANIFEST_BYTES_MAX + 1))
    if found is None:
        raise broken("its manifest is missing, so that it was cut off")
    return found


def unpack(archive: IO[bytes], manifest: Manifest, folder: Path) -> None:
    """Write every part into the empty `folder`, checked as it comes. Raises StoreError."""
    for part, content in _parts(archive, manifest):
        take(content, part, folder)


def verify(archive: IO[bytes], manifest: Manifest) -> None:
    """Read every part as `unpack` would, and write none. Raises StoreError."""
    for part, content in _parts(archive, manifest):
        for _ in _chunks(content, part):
            pass


def take(content: IO[bytes], part: Part, folder: Path) -> None:
    """Copy one part into a new file. Raises StoreError where it is not what the manifest says."""
    target = folder / part.name
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    mode = ARTIFACT_MODE if part.name.startswith(f"{ARTIFACTS}/") else PRIVATE_MODE
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, PRIVATE_MODE), "wb") as file:
        for chunk in _chunks(content, part):
            file.write(chunk)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def _chunks(content: IO[bytes], part: Part) -> Iterator[bytes]:
    """The bytes of a part, no more than it may have. Raises StoreError at the end where they differ."""
    hashed, left = hashlib.sha256(), part.size_bytes
    while left >= 0 and (chunk := _read(content, min(CHUNK_BYTES, left + 1))):
        left -= len(chunk)
        hashed.update(chunk)
        yield chunk
    if left or hashed.hexdigest() != part.sha256:
        raise broken(f"{part.name!r} is not what its manifest says")


def _parts(archive: IO[bytes], manifest: Manifest) -> Iterator[tuple[Part, IO[bytes]]]:
    wanted = {part.name: part for part in manifest.parts}
    archive.seek(0)
    for member, content in _members(archive):
        if member.name == MANIFEST:
            continue
        part = wanted.pop(member.name, None)
        if part is None:
            raise broken(f"{_shown(member)} is not in its manifest, or is there twice")
        yield part, content
    if wanted:
        raise broken(f"{min(wanted)!r} is missing")


def _shown(member: tarfile.TarInfo) -> str:
    return repr(printable(member.name, 80))


def _members(archive: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The archive's files, each checked by name and kind before anybody looks at it."""
    seen = 0
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            for member in tar:
                seen += 1
                if seen > PARTS_MAX + 1:
                    raise broken(f"it has more than {PARTS_MAX} parts")
                if not member.isreg() or not (member.name == MANIFEST or is_part(member.name)):
                    raise broken(f"{_shown(member)} is no part of a backup")
                content = tar.extractfile(member)
                if content is None:
                    raise broken(f"{_shown(member)} is no file")
                yield member, content
                tar.members = []  # type: ignore[attr-defined] # else every header stays in memory
    except _UNREADABLE as error:
        raise broken(f"it cannot be read ({type(error).__name__})") from error


def _read(content: IO[bytes], size_bytes: int) -> bytes:
    try:
        return content.read(size_bytes)
    except _UNREADABLE as error:
        raise broken(f"it cannot be read ({type(error).__name__})") from error


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whose it is here is nobody's business there."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
