"""A data folder as a server leaves it: a store, an archive, artifacts, and records that wait."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from proxy.artifacts.folder import FolderArtifacts
from proxy.fetchjournal import lines_of
from proxy.keeping.archive import archive_audit
from proxy.keeping.backup import Made, make_backup
from proxy.keeping.manifest import DATABASE_PART, SPOOL_PART
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import FakeClock, make_decision, make_fetch, make_override, make_ref

ARTIFACTS = (b"one wheel", b"another wheel")


def make_data(data_dir: Path, clock: FakeClock) -> None:
    """Fill a new data folder."""
    data_dir.mkdir()
    folder = FolderArtifacts(data_dir / "artifacts")
    for data in ARTIFACTS:
        with folder.begin(len(data)) as partial:
            partial.write(data)
            partial.keep(hashlib.sha256(data).hexdigest())  # type: ignore[arg-type]
    (data_dir / SPOOL_PART).write_bytes(lines_of([make_fetch()]))

    async def fill() -> None:
        store = SqliteStore.open(data_dir / DATABASE_PART, clock=clock)
        for version in range(4):
            await store.put_decision(make_decision(make_ref(version=f"{version}.0")))
        await store.record_fetches([make_fetch()])
        clock.advance(86_400)
        await archive_audit(store, data_dir, before=clock.now, clock=clock, actor="keeping")
        await store.drop_archived(limit=100)
        await store.add_override(make_override())
        await store.close()

    asyncio.run(fill())


def back_up(
    data_dir: Path, folder: Path, clock: FakeClock, *, with_files: bool = False, **extras: bytes
) -> Made:
    """A backup in a new folder."""
    folder.mkdir()
    return asyncio.run(
        make_backup(
            data_dir,
            folder,
            extras={name.replace("__", "."): data for name, data in extras.items()},
            with_files=with_files,
            version="0.1",
            clock=clock,
        )
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def archive_of(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar.gz with these members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()
