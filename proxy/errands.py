"""The event loop's side of a resolution: pages and metadata, asked for from a thread, bounded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from packaging.utils import NormalizedName

from models.errors import UpstreamUnavailable
from models.work import RESOLVED_FILES_MAX
from proxy.simple.page import IndexFile, ProjectPage

RESOLVE_S = 40.0
"""Seconds one resolution may take; a third of an analysis (`analysis_s` 120)."""
ASK_S = 12.0
"""Seconds one page or metadata file is waited for; then the resolution goes on without it."""
ROUNDS_MAX = 1_500
"""Rounds of the solver; one pins one project, and a conflict costs a few."""
PROJECTS_MAX = 400
"""Projects one resolution may look at; more than the 250 files it may yield."""
METADATA_MAX = 1_500
"""Metadata files one resolution may ask for; a solver that backtracks reads one a version."""
RESOLUTIONS_MAX = 4
"""Resolutions that run at once; the others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveBounds:
    """How far one resolution may go, and how many may run."""

    resolve_s: float = RESOLVE_S
    ask_s: float = ASK_S
    rounds_max: int = ROUNDS_MAX
    projects_max: int = PROJECTS_MAX
    metadata_max: int = METADATA_MAX
    files_max: int = RESOLVED_FILES_MAX
    resolutions_max: int = RESOLUTIONS_MAX


T = TypeVar("T")


class Pages(Protocol):
    """Where project pages come from: an Index."""

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page. Raises UpstreamError."""


class MetadataSource(Protocol):
    """Where core metadata comes from: the Fetcher."""

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """Core metadata good enough to choose by. Raises UpstreamError."""


class Stopped(Exception):
    """A bound is reached; what is resolved so far is the answer."""


class Errands:
    """The event loop's side of one resolution: asked from a thread, bounded in number and time."""

    def __init__(
        self,
        index: Pages,
        metadata: MetadataSource,
        loop: asyncio.AbstractEventLoop,
        bounds: ResolveBounds,
    ) -> None:
        self._index = index
        self._metadata = metadata
        self._loop = loop
        self._bounds = bounds
        self._deadline: float | None = None
        self._pages: dict[NormalizedName, Future[ProjectPage]] = {}
        self._files: dict[str, Future[bytes | None]] = {}
        self._waiting: deque[tuple[Coroutine[Any, Any, Any], Future[Any]]] = deque()
        self._woken = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def begin(self) -> None:
        """The time runs from here."""
        self._deadline = time.monotonic() + self._bounds.resolve_s

    def page(self, name: NormalizedName) -> ProjectPage:
        """A page. Raises UpstreamError, Stopped."""
        self.expect(name)
        if name not in self._pages:
            raise Stopped(f"more than {self._bounds.projects_max} projects are involved")
        return self._wait(self._pages[name])

    def expect(self, name: NormalizedName) -> None:
        """Begin to fetch a page that will be asked for."""
        if name not in self._pages and len(self._pages) < self._bounds.projects_max:
            self._pages[name] = self._begin(self._index.project(name))

    def metadata(self, file: IndexFile) -> bytes | None:
        """A file's metadata. Raises UpstreamError, Stopped."""
        self.expect_metadata(file)
        if file.url not in self._files:
            raise Stopped(f"metadata of more than {self._bounds.metadata_max} files was asked for")
        return self._wait(self._files[file.url])

    def expect_metadata(self, file: IndexFile) -> None:
        """Begin to fetch metadata that will be asked for."""
        if file.url not in self._files and len(self._files) < self._bounds.metadata_max:
            self._files[file.url] = self._begin(self._metadata.metadata_for_resolution(file))

    def check(self) -> None:
        """Raises Stopped once the time is up or nobody waits any more."""
        if self._stopped or self._left() <= 0:
            raise Stopped(f"it took longer than {self._bounds.resolve_s:g} s")

    def stop(self) -> None:
        """Cancel what is under way. On the event loop."""
        self._stopped = True
        while self._waiting:
            work, future = self._waiting.popleft()
            work.close()
            future.cancel()
        for task in tuple(self._tasks):
            task.cancel()

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._stopped:
            work.close()
            raise Stopped("nobody waits for it any more")
        future: Future[T] = Future()
        self._waiting.append((work, future))
        # What is begun in one go wakes the loop once: a wake-up costs more than a page in memory.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._start_waiting)
        return future

    def _start_waiting(self) -> None:
        """On the event loop: start everything that was begun meanwhile."""
        self._woken = False
        while self._waiting:
            work, future = self._waiting.popleft()
            task = self._loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, future))

    def _done(self, future: Future[Any], task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            future.cancel()
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())

    def _wait(self, future: Future[T]) -> T:
        if future.done() and not future.cancelled():
            return future.result()  # what is here may be read after the time is up
        self.check()
        try:
            return future.result(timeout=min(self._left(), self._bounds.ask_s))
        except TimeoutError as error:
            self.check()
            raise UpstreamUnavailable("The index did not answer in time.") from error
        except CancelledError as error:
            raise Stopped("nobody waits for it any more") from error

    def _left(self) -> float:
        if self._deadline is None:
            return self._bounds.resolve_s
        return self._deadline - time.monotonic()
