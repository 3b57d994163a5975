"""Real packages as files: the newest wheel and sdist of each project of the benign proofs, and a list.

`python -m tests.proofs.honest FOLDER` fetches them into FOLDER/wheel and FOLDER/sdist, one after
another, and writes FOLDER/manifest.csv; called again it goes on. Nothing is built or opened.
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import click
from packaging.utils import canonicalize_name

from models.artifact import ArtifactKind, Sha256, parse_index_name
from models.clock import utc_now
from models.errors import UpstreamError, UpstreamNotFound
from proxy.artifacts.fetcher import Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.index.cached import CachedIndex
from proxy.index.default import default_upstream
from proxy.index.upstream import UpstreamIndex
from proxy.research.corpus import newest_of
from proxy.simple.page import IndexFile
from proxy.store.memory import MemoryStore
from tests.proofs.benign import BenignProof
from tests.proofs.manifest import MANIFEST

FILE_BYTES_MAX = 100 * 1024 * 1024
"""Bytes of a file that is still fetched; the list says which are larger."""
FAILED = "not fetched"
KINDS = (ArtifactKind.WHEEL, ArtifactKind.SDIST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One project and kind: its file, or in `note` why there is none."""

    project: str
    kind: str
    filename: str = ""
    sha256: str = ""
    size: int = 0
    group: str
    """`popular` or `obscure`."""
    note: str = ""


class Honest:
    """Fetches what the manifest lacks. An async context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._upstream = UpstreamIndex(parse_index_name("pypi"), default_upstream())
        self._index = CachedIndex(self._upstream, MemoryStore(clock=utc_now), clock=utc_now)
        self._fetcher = Fetcher(
            self._index, self._upstream.client, FolderArtifacts(folder / "fetched")
        )

    async def __aenter__(self) -> Self:
        await self._upstream.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._fetcher.close()
        await self._index.close()
        await self._upstream.close()

    async def row(self, group: str, project: str, kind: ArtifactKind) -> Row:
        """The project's newest file of that kind, fetched, or why there is none."""
        row = Row(project=project, kind=kind.value, group=group)
        try:
            page = await self._index.project(canonicalize_name(project))
        except UpstreamNotFound:
            return _noted(row, "absent")
        except UpstreamError as error:
            return _noted(row, f"{FAILED}: {type(error).__name__}")
        return await self._row(row, await newest_of(page, kind))

    async def _row(self, row: Row, file: IndexFile | None) -> Row:
        if file is None or file.sha256 is None:
            return _noted(row, "no such file")
        size = file.size or 0
        known = {"filename": file.filename, "sha256": file.sha256, "size": size}
        if size > FILE_BYTES_MAX:
            return _noted(row, "too large", **known)
        try:
            fetched = await self._fetcher.ensure_url(Sha256(file.sha256), file.url, file.size)
        except UpstreamError as error:
            return _noted(row, f"{FAILED}: {type(error).__name__}", **known)
        place = self._folder / row.kind / file.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        os.link(fetched, place)
        fetched.unlink()
        return _noted(row, "", **known | {"size": place.stat().st_size})


def read_manifest(folder: Path) -> list[Row]:
    """The rows of a folder's manifest; empty where there is none."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Row(**{**row, "size": int(row["size"])})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]


def _noted(row: Row, note: str, **known: object) -> Row:
    return Row(**{**asdict(row), **known, "note": note})


def _write(folder: Path, rows: Sequence[Row]) -> None:
    draft = folder / (MANIFEST + ".new")
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    draft.replace(folder / MANIFEST)


async def collect(folder: Path, seed: int) -> list[Row]:
    """Fetch all that the manifest does not have yet; what failed is tried again."""
    items = [item.split() for item in BenignProof(ArtifactKind.WHEEL).items(seed)]
    done = [row for row in read_manifest(folder) if not row.note.startswith(FAILED)]
    have = {(row.project, row.kind) for row in done}
    async with Honest(folder) as honest:
        for group, project in items:
            wanted = [kind for kind in KINDS if (project, kind.value) not in have]
            done += [await honest.row(group, project, kind) for kind in wanted]
            _write(folder, done)
            click.echo(f"{len(done)}/{len(items) * len(KINDS)} {project}")
    return done


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=1, show_default=True)
def main(folder: Path, seed: int) -> None:
    """Fetch the honest packages into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(collect(folder, seed))


if __name__ == "__main__":
    main()
