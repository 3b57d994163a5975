"""Archives of the audit log: its oldest rows as JSON lines in the data folder, chained as before.

A file is whole, and on the disk, before the store lets its rows go: the chain then begins after the
last row of the newest archive, whose hash stands in the store. A crash in between leaves a file that no
anchor names, and all rows where they were.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from models.clock import Clock
from models.errors import StoreError
from proxy.admin.access import Principal
from proxy.admin.audit import LINE_BYTES_MAX, line_of, verify_store
from proxy.keeping.folder import PRIVATE_MODE, digest_of_file, failed, flush
from proxy.store import chain
from proxy.store.keeping_port import AuditAnchor
from proxy.store.port import AuditRow, Store

ARCHIVE_ROWS_MAX = 5_000
"""Rows of one archive: some 3 MiB. More rows make more archives."""


def archive_name(first: int, last: int) -> str:
    """The name of the archive of these rows."""
    return f"audit-archive-{first:010d}-{last:010d}.jsonl"


async def archive_audit(
    store: Store, data_dir: Path, *, before: datetime, clock: Clock, actor: str
) -> AuditAnchor | None:
    """Write the oldest rows from before a moment into an archive, and let the chain begin after them.

    None where there are none. The rows are still in the store: `drop_archived` removes them. Raises
    StoreError, also where the chain is broken: what is tampered with is not put away.
    """
    rows = await store.audit_to_archive(before=before, limit=ARCHIVE_ROWS_MAX)
    if not rows:
        return None
    begun = (await store.audit_anchors() or (None,))[-1]
    chain.walk(rows, last=begun)
    path = data_dir / archive_name(rows[0].number, rows[-1].number)
    data = b"".join(line_of(row) for row in rows)  # as an export has them
    await asyncio.to_thread(_write, path, data)
    anchor = AuditAnchor(
        number=rows[-1].number,
        hash=rows[-1].hash,
        at=clock(),
        file=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    await store.anchor_audit(anchor, actor=actor)
    return anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An audit log that holds from its first row to its last."""

    rows: int
    """The number of the last row."""
    archived: int
    """Of them, rows that stand in archives."""
    archives: int


async def verify_whole(store: Store, by: Principal, data_dir: Path) -> Whole:
    """Follow the chain through every archive and then through the store, which has the archives' digests.

    Raises NotAllowed, and StoreError naming the first row or archive that is not what it was.
    """
    anchors = await store.audit_anchors()
    archived = await asyncio.to_thread(verify_archives, data_dir, anchors)
    rows = await verify_store(store, by)
    return Whole(rows=rows, archived=archived, archives=len(anchors))


def verify_archives(data_dir: Path, anchors: Sequence[AuditAnchor]) -> int:
    """Read every archive and follow the chain through all of them; the number of rows.

    Blocks. Raises StoreError naming the first that is missing, or is not what it was.
    """
    last: chain.Link | None = None
    for anchor in anchors:
        path = data_dir / anchor.file
        try:
            digest, _ = digest_of_file(path)
            if digest != anchor.sha256:
                raise _unusable(anchor, "was changed, or cut")
            rows = read_archive(path)
        except FileNotFoundError as error:
            raise _unusable(anchor, "is missing") from error
        except OSError as error:
            raise _unusable(anchor, f"cannot be read: {error.strerror}") from error
        end = chain.walk(rows, last=last)
        if end is None or (end.number, end.hash) != (anchor.number, anchor.hash):
            raise _unusable(anchor, "ends before its last row")
        last = anchor
    return last.number if last else 0


def read_archive(path: Path) -> tuple[AuditRow, ...]:
    """The rows of an archive, oldest first. Raises OSError, and StoreError for what is none."""
    rows = []
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            try:
                rows.append(msgspec.json.decode(line, type=AuditRow))
            except msgspec.DecodeError as error:
                raise StoreError(
                    f"{path} is no archive of the audit log: {error}.",
                    next_step="Bring it back from a backup.",
                ) from error
    return tuple(rows)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, PRIVATE_MODE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        flush(path.parent)
    except OSError as error:
        raise failed(path, error) from error


def _unusable(anchor: AuditAnchor, how: str) -> StoreError:
    return StoreError(
        f"The archive {anchor.file} of the audit log {how}.",
        next_step="Bring it back from a backup: the audit log is not whole without it.",
    )
