"""A data folder out of a backup: all of it is checked in a folder beside it, which then takes its place."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.canonical import canonical_json
from models.clock import Clock
from models.errors import PratiqueError, StoreConflict, StoreError
from proxy.keeping.backup import check_copy
from proxy.keeping.folder import failed, flush, unused_database
from proxy.keeping.manifest import (
    DATABASE_PART,
    KEYS,
    MANIFEST,
    MANIFEST_BYTES_MAX,
    POLICY_PART,
    Manifest,
    broken,
    decode_manifest,
)
from proxy.keeping.packing import manifest_of, take, unpack
from proxy.privileges import as_owner_of, is_root
from proxy.store.sql.copying import check_database
from proxy.store.sqlite import SqliteStore

ELSEWHERE = "restored"
"""Where in the data folder the policy and the keys go: their own places are the settings' business."""
FREE_BYTES_MIN = 64 * 1024 * 1024
"""Bytes that a restore leaves free."""
DATA_MODE = 0o750


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought back."""

    manifest: Manifest
    aside: Path | None
    """Where the data folder from before is now; None: there was none, or it was empty."""


def restore(
    backup: Path,
    data_dir: Path,
    *,
    replace: bool,
    owner: int,
    actor: str,
    clock: Clock,
    say: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Make `data_dir` what a backup holds; as root, its files become those of uid `owner`.

    Nothing in `data_dir` is touched before all was checked. Raises StoreError, StoreConflict where a
    process uses it, StoreSchemaNewer for a newer Pratique's backup.
    """
    _check_place(data_dir, replace=replace)
    with unused_database(data_dir / DATABASE_PART):
        staging = data_dir.with_name(f".{data_dir.name}.restoring-{secrets.token_hex(4)}")
        try:
            data_dir.parent.mkdir(parents=True, exist_ok=True)
            staging.mkdir(mode=0o700)
            say("reading the backup")
            manifest = _read(backup, staging)
            _put_elsewhere(staging)
            _hand_over(staging, owner)
            say("checking what was read")
            as_owner_of(staging, lambda: _check(staging, manifest, actor, clock), bool)
            aside = _swap(staging, data_dir, clock())
        except OSError as error:
            raise failed(data_dir, error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(manifest=manifest, aside=aside)


def _check_place(data_dir: Path, *, replace: bool) -> None:
    if data_dir.is_symlink() or (data_dir.exists() and not data_dir.is_dir()):
        raise StoreError(
            f"{data_dir} is no folder of its own.", next_step="Name the folder that it points to."
        )
    if data_dir.is_dir() and any(data_dir.iterdir()) and not replace:
        raise StoreConflict(
            f"The data folder {data_dir} is not empty.",
            next_step="Name a new one with --data-dir, or say --replace: the old one is kept aside.",
        )


def _read(backup: Path, staging: Path) -> Manifest:
    """Copy all parts, each checked as it comes."""
    if backup.is_dir():
        manifest = _read_manifest(backup / MANIFEST)
        _check_room(manifest, staging)
        for part in manifest.parts:
            try:
                descriptor = os.open(backup / part.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError as error:
                raise broken(f"{part.name!r} cannot be read ({error.strerror})") from error
            with os.fdopen(descriptor, "rb") as file:
                take(file, part, staging)
        return manifest
    try:
        archive = backup.open("rb")
    except OSError as error:
        raise StoreError(
            f"The backup {backup} cannot be read: {error.strerror}.",
            next_step="Name the folder or the file that `pratique backup` made.",
        ) from error
    with archive:
        manifest = manifest_of(archive)
        _check_room(manifest, staging)
        unpack(archive, manifest, staging)
    return manifest


def _read_manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            return decode_manifest(file.read(MANIFEST_BYTES_MAX + 1))
    except OSError as error:
        raise broken(f"its manifest cannot be read ({error.strerror})") from error


def _check_room(manifest: Manifest, staging: Path) -> None:
    free = shutil.disk_usage(staging).free
    if free - manifest.size_bytes < FREE_BYTES_MIN:
        raise StoreError(
            f"The backup holds {manifest.size_bytes >> 20} MiB, and {free >> 20} MiB are free.",
            next_step="Free space. Nothing was changed.",
        )


def _put_elsewhere(staging: Path) -> None:
    for name in (POLICY_PART, KEYS):
        if (staging / name).exists():
            (staging / ELSEWHERE).mkdir(mode=0o700, exist_ok=True)
            (staging / name).rename(staging / ELSEWHERE / name)


def _hand_over(staging: Path, owner: int) -> None:
    """Give all to the owner, and the folder the mode that `serve` gives it."""
    staging.chmod(DATA_MODE)
    if is_root():
        for path in (staging, *staging.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)


def _check(staging: Path, manifest: Manifest, actor: str, clock: Clock) -> bool:
    """The database is whole, its chain holds and is as long as was said; then the restore is audited."""
    path = staging / DATABASE_PART
    if check_database(path) != manifest.schema:
        raise broken("its database has another schema than its manifest says")

    async def check() -> None:
        if await check_copy(staging) != manifest.audit_rows:
            raise broken("its audit log is not as long as its manifest says")
        store = SqliteStore.open(path, clock=clock)
        try:
            told = {"made_at": manifest.made_at.isoformat(), "rows": manifest.audit_rows}
            await store.append_audit(
                actor=actor,
                action="store_restored",
                subject="store",
                detail=canonical_json(told).decode(),
            )
        finally:
            await store.close()

    asyncio.run(check())
    return True


def _swap(staging: Path, data_dir: Path, now: datetime) -> Path | None:
    """Put the checked folder in the data folder's place; where that one is now."""
    aside = None
    with suppress(FileNotFoundError):
        if any(data_dir.iterdir()):
            aside = data_dir.with_name(f"{data_dir.name}.before-{now:%Y%m%dT%H%M%SZ}")
            if aside.exists():
                raise PratiqueError(f"{aside} is there already.", next_step="Move it away.")
            data_dir.rename(aside)
    try:
        staging.rename(data_dir)  # over an empty folder, too (rename(2))
    except OSError:
        if aside is not None:
            aside.rename(data_dir)
        raise
    flush(data_dir.parent)
    return aside
