"""Real packages for proofs: the newest file of one kind, fetched once, and a loop to ask on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.utils import canonicalize_name

from analyzer.job import ProxyPort
from models.artifact import ArtifactKind, ArtifactRef, Sha256
from proxy.research.corpus import newest_of
from proxy.scanning import Found, Scanned, Scanner, _Capability, head_of
from proxy.simple.page import ProjectPage


class Chooser(Scanner):
    """A scanner that can be told which kind of file to take."""

    async def scan_newest(self, project: str, kind: ArtifactKind) -> Scanned | None:
        """Analyse the newest file of that kind; None where the project has none for us."""
        page, ref = await self.newest(project, kind)
        if ref is None:
            return None
        data = await asyncio.to_thread(head_of, await self.ensure(ref))
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
            index=page.index,
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
