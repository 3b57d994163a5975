"""Real packages for proofs: the newest file of one kind, fetched once, and a loop to ask on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from analyzer.interpreter import describe_interpreter
from analyzer.job import ProxyPort
from analyzer.sandbox.protocol import INPUT_BYTES_MAX
from models.artifact import ArtifactKind, ArtifactRef, Sha256
from proxy.candidates import Interpreter, Need, candidates_of, matching
from proxy.scanning import Found, Scanned, Scanner, _Capability
from proxy.simple.page import IndexFile, ProjectPage

SHA256_CHARS = 64
SCRATCH_BYTES_MAX = 15 << 30
"""Bytes of fetched files kept; beyond, those that no analysis under way can need are removed."""

SCRATCH_AGE_S = 900
"""Seconds after which a fetched file is in nobody's hands: an analysis takes 120, a queue a few."""


class Chooser(Scanner):
    """A scanner that can be told which kind of file to take."""

    def __init__(self, *, scratch: Path, **more: Any) -> None:
        super().__init__(scratch=scratch, **more)
        self._scratch = scratch

    async def scan_newest(self, project: str, kind: ArtifactKind) -> Scanned | None:
        """Analyse the newest file of that kind; None where the project has none for us."""
        page, ref = await self.newest(project, kind)
        if ref is None:
            return None
        data = await asyncio.to_thread(_read, await self.ensure(ref))
        return await self.scan(Found(ref=ref, data=data, page=page))

    async def newest(
        self, project: str, kind: ArtifactKind
    ) -> tuple[ProjectPage, ArtifactRef | None]:
        """The project's page, and of its newest release with such a file the one that fits us."""
        page = await self._index.project(canonicalize_name(project))
        file = await newest_of(page, kind)
        if file is None:
            return page, None
        ref = ArtifactRef(
            index=self._upstream.name,
            project=page.name,
            filename=file.filename,
            sha256=Sha256(str(file.sha256)),
        )
        return page, ref

    async def ensure(self, ref: ArtifactRef) -> Path:
        """Fetch a file, unless it is here."""
        return await self._fetcher.ensure(ref)

    def capability(self) -> ProxyPort:
        """What an analysis may ask of this scanner."""
        return _Capability(self._resolver, self._fetcher)

    def forget_old(self) -> None:
        """Remove fetched files that nobody can need any more, where there are too many."""
        with contextlib.suppress(
            FileNotFoundError
        ):  # a download that ends meanwhile, or another thread
            files = [(path, path.stat()) for path in self._scratch.rglob("*") if path.is_file()]
            if sum(status.st_size for _, status in files) < SCRATCH_BYTES_MAX:
                return
            oldest = time.time() - SCRATCH_AGE_S
            for path, status in files:
                digest = path.parent.name + path.name
                if status.st_mtime < oldest and len(digest) == SHA256_CHARS:
                    self._artifacts.remove(Sha256(digest))


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _read(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(INPUT_BYTES_MAX)


async def newest_of(page: ProjectPage, kind: ArtifactKind) -> IndexFile | None:
    """Of the newest release that has one: the file of that kind that this interpreter would take."""
    interpreter = Interpreter((await describe_interpreter()).target)
    only = ProjectPage(name=page.name, files=tuple(f for f in page.files if f.kind is kind))
    need = Need(name=page.name, specifier=SpecifierSet())
    fitting = matching(candidates_of(only, interpreter), (need,))
    best = max(fitting, key=lambda candidate: candidate.version, default=None)
    return best.file if best else None
