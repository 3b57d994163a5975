"""A backup in a folder: every part copied while the server runs, checked, and named in a manifest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.clock import Clock
from models.errors import StoreError
from proxy.fetchjournal import in_journals
from proxy.keeping.archive import verify_archives
from proxy.keeping.folder import CHUNK_BYTES, PRIVATE_MODE, digest_of_file, failed, flush
from proxy.keeping.manifest import (
    ARTIFACTS,
    DATABASE_PART,
    JOURNALS,
    MANIFEST,
    PARTS_MAX,
    SPOOL_PART,
    Manifest,
    Part,
    broken,
    encode_manifest,
    is_part,
)
from proxy.store.port import Store
from proxy.store.sql.copying import check_database, copy_database
from proxy.store.sqlite import SqliteStore

FREE_BYTES_MIN = 64 * 1024 * 1024
"""Bytes that a backup leaves free on its disk."""
ARTIFACT_MODE = 0o444

Say = Callable[[str], None]
"""Told in a few words what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made."""

    manifest: Manifest
    damaged: int
    """Artifacts that were not what their name says, and were left out."""


async def make_backup(
    data_dir: Path,
    folder: Path,
    *,
    extras: Mapping[str, bytes],
    with_files: bool,
    version: str,
    clock: Clock,
    say: Say = lambda _: None,
) -> Made:
    """Fill the empty `folder` with a backup of `data_dir`. Blocks in places: for a command.

    `extras` are parts by name that lie elsewhere (policy, keys). The manifest comes last, once all the
    rest was checked. Raises StoreError.
    """
    began = clock()
    try:
        _check_room(data_dir, folder, with_files=with_files)
        for name, data in extras.items():
            _write_part(folder, name, data)
        # Before the database: records that move from a journal into it meanwhile stand in both then,
        # the other way round they would stand in neither.
        if spooled := _spooled(data_dir):
            _write_part(folder, SPOOL_PART, spooled)
        copy_database(
            data_dir / DATABASE_PART, folder / DATABASE_PART, progress=_percent(say, "database")
        )
        say("checking the copy")
        rows = await check_copy(folder, archives_from=data_dir)
        schema = check_database(folder / DATABASE_PART)
        damaged = _take_artifacts(data_dir / ARTIFACTS, folder, say) if with_files else 0
        say("adding up")
        parts = tuple(_parts(folder))
        manifest = Manifest(
            made_at=began, pratique=version, schema=schema, audit_rows=rows, parts=parts
        )
        _write_part(folder, MANIFEST, encode_manifest(manifest))
        flush(folder)
    except OSError as error:
        raise failed(folder, error) from error
    return Made(manifest=manifest, damaged=damaged)


def _spooled(data_dir: Path) -> bytes:
    """Fetch records that are not in the database yet; a restored firewall brings them in."""
    left = data_dir / SPOOL_PART
    older = left.read_bytes() if left.is_file() else b""
    return older + in_journals(data_dir / JOURNALS)


async def check_copy(folder: Path, *, archives_from: Path | None = None) -> int:
    """Verify the audit chain of a copy, archives included; its length. Raises StoreError.

    With `archives_from`, the archives that the copy rests on are brought from there first.
    """
    store: Store = SqliteStore.look(folder / DATABASE_PART, clock=_never)
    try:
        rows = await store.verify_audit()
        anchors = await store.audit_anchors()
    finally:
        await store.close()
    for anchor in anchors:
        if not is_part(anchor.file):
            raise broken(f"an archive is called {anchor.file[:80]!r}")
        if archives_from is not None:
            _copy(archives_from / anchor.file, folder / anchor.file)
    verify_archives(folder, anchors)
    return rows


def _take_artifacts(source: Path, folder: Path, say: Say) -> int:
    """Link (or copy, onto another disk) every whole artifact; how many were damaged."""
    damaged = taken = 0
    for path in _artifacts(source):
        name = f"{ARTIFACTS}/{path.parent.name}/{path.name}"
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed by an operator meanwhile
            try:
                # Nobody ever writes to an artifact: a link is as good as a copy.
                target.hardlink_to(path)
            except FileNotFoundError:
                raise
            except OSError:
                _copy(path, target, mode=ARTIFACT_MODE)
            if digest_of_file(target)[0] != path.parent.name + path.name:
                target.unlink()
                damaged += 1
            taken += 1
            if taken > PARTS_MAX - 1_000:
                raise broken(f"there are more than {PARTS_MAX} artifacts")
            if taken % 100 == 0:
                say(f"artifacts: {taken}")
    return damaged


def _artifacts(source: Path) -> Iterator[Path]:
    if not source.is_dir():
        return
    for below in sorted(source.iterdir()):
        if below.is_dir():
            for path in sorted(below.iterdir()):
                if is_part(f"{ARTIFACTS}/{below.name}/{path.name}") and path.is_file():
                    yield path


def _parts(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            digest, size = digest_of_file(path)
            flush(path)
            yield Part(name=name, size_bytes=size, sha256=digest)


def _check_room(data_dir: Path, folder: Path, *, with_files: bool) -> None:
    if not (data_dir / DATABASE_PART).is_file():
        raise StoreError(
            f"There is no store in {data_dir}.",
            next_step="Name the data folder of `pratique serve` with --data-dir.",
        )
    # The log may hold pages that the file has not got yet.
    sizes = [data_dir / DATABASE_PART, data_dir / f"{DATABASE_PART}-wal", data_dir / SPOOL_PART]
    needed = sum(path.stat().st_size for path in sizes if path.is_file())
    if with_files and data_dir.stat().st_dev != folder.stat().st_dev:
        needed += sum(path.stat().st_size for path in _artifacts(data_dir / ARTIFACTS))
    free = shutil.disk_usage(folder).free
    if free - needed < FREE_BYTES_MIN:
        raise StoreError(
            f"The backup needs some {needed >> 20} MiB, and {free >> 20} MiB are free.",
            next_step="Free space, or name a place on another disk.",
        )


def _write_part(folder: Path, name: str, data: bytes) -> None:
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(partial, flags, PRIVATE_MODE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _copy(source: Path, target: Path, *, mode: int = PRIVATE_MODE) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with source.open("rb") as from_, os.fdopen(os.open(target, flags, PRIVATE_MODE), "wb") as to:
        shutil.copyfileobj(from_, to, CHUNK_BYTES)
        os.fchmod(to.fileno(), mode)


def _percent(say: Say, what: str) -> Callable[[int, int], None]:
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        percent = done * 100 // max(total, 1)
        if percent != told:
            told = percent
            say(f"{what}: {percent} %")

    return progress


def _never() -> datetime:
    raise StoreError("A store that is only looked at needs no clock.")
