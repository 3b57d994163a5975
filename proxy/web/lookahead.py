"""What is likely asked for next is brought in before: pages of dependencies, bytes that had gone.

Nothing is decided and nothing analysed for it. It gives way to requests: bounded places, a bounded
row before them, and what finds no room is dropped, since whoever needs it will ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import structlog
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from models.errors import PratiqueError, UpstreamNotFound
from proxy.index.port import Ahead
from proxy.nextneeds import next_needs
from proxy.simple.page import IndexFile
from proxy.web.door import Door
from proxy.web.metadata import MetadataSource

LOG = structlog.get_logger()

AGAIN_S = 60.0
"""Seconds after which a file is looked at again: the pages that it needs may have grown stale since."""
LOOKED_MAX = 8_192
"""Files remembered as looked at; at the bound all are forgotten. Some 5 MB with what they require."""
LOOKS_MAX = 32
"""Files whose metadata is being read for what follows."""
PAGES_AT_ONCE = 8
"""Pages that are brought in at once; a quarter of the connections to one upstream."""
PAGES_WAITING_MAX = 128
"""Names that wait for it."""
FILES_AT_ONCE = 2
"""Files whose bytes are brought in at once."""
FILE_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of the largest of them; resolvers read the metadata of many files whose bytes nobody takes."""
ROOM = 0.8
"""Share of the disk's bound beyond which none is: it is where eviction stops (proxy/keeping/eviction.py)."""


class LookAhead:
    """Called when something of an approved file goes out; does the rest by itself."""

    def __init__(self, door: Door, metadata: MetadataSource) -> None:
        self._door = door
        self._metadata = metadata
        self._enabled = door.settings.prefetch
        self._next_look: dict[Sha256, float] = {}
        self._needs: dict[Sha256, tuple[NormalizedName, ...]] = {}
        """What was read already; reading takes milliseconds, and no file changes."""
        self._waiting: dict[NormalizedName, IndexName] = {}
        """Name → who told it, the oldest first."""
        self._looks: set[asyncio.Task[None]] = set()
        self._pages: set[asyncio.Task[None]] = set()
        self._bringing = 0
        self._files: set[asyncio.Task[None]] = set()

    def described(self, ref: ArtifactRef, data: bytes, entry: IndexFile | None) -> None:
        """The metadata of an approved wheel went out: its bytes are next, and what it requires."""
        if self._begins(ref):
            self._fetch(ref, entry.size if entry is not None else None)
            self._start(self._looks, self._look(ref, data))

    def sent(self, ref: ArtifactRef) -> None:
        """The bytes of an approved sdist went out: what it requires is next.

        Of a wheel it tells nothing: who takes one unread works from a lock, and asks for no pages.
        """
        if self._begins(ref):
            self._start(self._looks, self._look(ref, None))

    async def close(self) -> None:
        """End what is under way; nobody waits for it."""
        self._waiting.clear()
        tasks = [*self._looks, *self._pages, *self._files]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begins(self, ref: ArtifactRef) -> bool:
        now = monotonic()
        if not self._enabled or now < self._next_look.get(ref.sha256, 0.0):
            return False
        if len(self._looks) >= LOOKS_MAX:
            self._door.metrics.looked_ahead("look", Ahead.BUSY)
            return False
        if len(self._next_look) >= LOOKED_MAX:
            self._next_look.clear()
            self._needs.clear()
        self._next_look[ref.sha256] = now + AGAIN_S
        return True

    async def _look(self, ref: ArtifactRef, data: bytes | None) -> None:
        try:
            names = self._needs.get(ref.sha256)
            if names is None:
                known = await self._metadata.read_of(ref) if data is None else data
                names = await asyncio.to_thread(next_needs, known, of=ref.project)
                self._needs[ref.sha256] = names
        except PratiqueError:
            return  # nothing is known of what it requires
        except Exception:  # task edge: nobody waits for it
            LOG.exception("prefetch_failed", what="look", filename=ref.filename)
            return
        for name in names:
            self._want(name, told_by=ref.index)

    def _want(self, name: NormalizedName, *, told_by: IndexName) -> None:
        if name in self._waiting:
            return
        if len(self._waiting) >= PAGES_WAITING_MAX:
            self._door.metrics.looked_ahead("page", Ahead.BUSY)
            return
        self._waiting[name] = told_by
        if self._bringing < PAGES_AT_ONCE:
            self._bringing += 1
            self._start(self._pages, self._bring_pages())

    async def _bring_pages(self) -> None:
        try:
            while self._waiting:
                name = next(iter(self._waiting))
                told_by = self._waiting.pop(name)
                await self._count("page", self._door.index.ahead(name, told_by=told_by))
        finally:
            self._bringing -= 1

    def _fetch(self, ref: ArtifactRef, size: int | None) -> None:
        """Have the bytes at hand again; of those that are there nothing is counted."""
        artifacts = self._door.artifacts
        if artifacts.path(ref.sha256) is not None:
            return
        small = size is not None and 0 < size <= FILE_BYTES_MAX
        if not small or artifacts.used_bytes() + (size or 0) > ROOM * artifacts.bytes_max:
            self._door.metrics.looked_ahead("file", Ahead.NO_ROOM)
        elif len(self._files) >= FILES_AT_ONCE:
            self._door.metrics.looked_ahead("file", Ahead.BUSY)
        else:
            self._start(self._files, self._count("file", self._door.fetcher.ensure_ahead(ref)))

    async def _count(self, what: str, work: Coroutine[Any, Any, Ahead]) -> None:
        try:
            outcome = await work
        except UpstreamNotFound:
            outcome = Ahead.ABSENT
        except PratiqueError as error:
            LOG.info("prefetch_failed", what=what, detail=error.message)
            outcome = Ahead.FAILED
        except Exception:  # task edge: whoever needs it asks, and is told
            LOG.exception("prefetch_failed", what=what)
            outcome = Ahead.FAILED
        self._door.metrics.looked_ahead(what, outcome)

    @staticmethod
    def _start(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="lookahead")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
