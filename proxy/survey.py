"""Reading any number of files without running one: bytes in warm readers, facts from the index.

Files are taken in the order in which they were named and told as they are done. What is held in
memory of them is bounded, however many they are.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from packaging.utils import NormalizedName, canonicalize_name

from analyzer.inspection import NOT_READ, evidence_of_reading
from analyzer.memfd import sealed_copy
from analyzer.readers.pool import SEALED_BYTES_MAX, ReaderPool, Reading, Room
from models.artifact import (
    ArtifactKind,
    IndexName,
    Sha256,
    kind_of,
    parse_project,
    parse_ref,
    project_of,
)
from models.clock import Clock, utc_now
from models.decision import Decision, LayerStatus
from models.errors import PratiqueError, UpstreamError
from models.evidence import Evidence, Layer
from models.facts import Facts, Source, SourceState
from models.judgement import JudgeRequest
from policies.policy import Policy
from proxy.errands import Pages
from proxy.inquiry import Inquiry
from proxy.judge.core import LocalJudge
from proxy.simple.page import ProjectPage

NETWORK_LAYERS = frozenset({Layer.PROVENANCE, Layer.REPUTATION})
"""Layers whose facts come from elsewhere."""
LAYERS = (Layer.METADATA, Layer.PROVENANCE, Layer.REPUTATION)
"""Layers that need no run."""
ASKED_AT_ONCE = 16
"""Files whose facts are asked for at once; an index serves more, and would mind."""
_NOT_RUN = "no file is run here"
_NOT_NAMED = "its layer was not asked for"
_OFFLINE = "it asks the network, which only provenance and reputation do"


class Opener(Protocol):
    """Where files come from: `analyzer.readers.porter.Porter`."""

    def open(self, index: int) -> int:
        """A descriptor of the file at `index`, the caller's to close. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """How one layer was measured."""

    layer: Layer
    state: str
    """`measured`, `absent`, `missing`, `off` or `incomplete`."""
    score: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What came of one file: one line of the output."""

    file: str
    """As it was named."""
    error: str = ""
    """Why we could not read it; nothing but `file` is told then."""
    filename: str = ""
    sha256: str = ""
    size_bytes: int = 0
    layers: tuple[LayerState, ...] = ()
    sources: tuple[Source, ...] = ()
    """Every source of facts, also those that were not asked."""
    decision: Decision | None = None
    """What would be done with it, as far as it was looked at: the layers that are off share no weight."""
    facts: Facts | None = None
    evidence: Evidence | None = None
    took_ms: int = 0
    """Milliseconds from opening to telling, waits for other files left out."""
    read_ms: int = 0
    """Milliseconds of its reader."""
    cpu_ms: int = 0
    """Milliseconds of processor time of its reader."""
    peak_kib: int = 0
    """KiB of memory that its reader had in use at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One file's bytes, read."""

    sha256: Sha256
    size_bytes: int
    reading: Reading | None
    """None: its name is that of no wheel or sdist."""


class Survey:
    """Files, a pool of readers, sources of facts and a judge. Nothing is stored."""

    def __init__(
        self,
        *,
        opener: Opener,
        pool: ReaderPool,
        index: Pages | None,
        index_of: Callable[[NormalizedName], IndexName],
        inquiry: Inquiry,
        layers: Sequence[Layer],
        policy: Policy,
        clock: Clock = utc_now,
    ) -> None:
        """`index` None: the network is left alone. `inquiry` holds all sources there are."""
        self._opener = opener
        self._pool = pool
        self._index = index
        self._index_of = index_of
        self._layers = frozenset(layers) | {Layer.METADATA}
        self._policy = policy
        self._clock = clock
        self._room = Room()
        self._judge = LocalJudge()
        asked = self._layers if index is not None else frozenset[Layer]()
        self._inquiry = inquiry.only(asked)
        self._unasked = tuple(
            Source(
                name=source.name,
                layer=source.layer,
                state=SourceState.OFF,
                reason=_OFFLINE if source.layer in self._layers else _NOT_NAMED,
            )
            for source in inquiry.sources
            if source.layer not in asked
        )

    async def run(self, files: Sequence[Path], tell: Callable[[Surveyed], None]) -> None:
        """Survey all of them; `tell` is called in this loop's thread for each as it is done."""
        numbers = iter(range(len(files)))
        workers = self._pool.size + (ASKED_AT_ONCE if self._index is not None else 0)
        with ThreadPoolExecutor(self._pool.size) as threads:

            async def work() -> None:
                for number in numbers:
                    tell(await self._one(number, files[number], threads))

            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())

    async def _one(self, number: int, file: Path, threads: ThreadPoolExecutor) -> Surveyed:
        loop = asyncio.get_running_loop()
        try:
            read, took_ms = await loop.run_in_executor(threads, self._read, number, file.name)
            begun = time.monotonic()
            done = await self._judged(file, read)
        except (PratiqueError, OSError) as error:
            return Surveyed(file=str(file), error=str(error)[:500] or type(error).__name__)
        reading = read.reading
        return replace(
            done,
            took_ms=took_ms + int((time.monotonic() - begun) * 1000),
            read_ms=reading.wall_ms if reading else 0,
            cpu_ms=reading.cpu_ms if reading else 0,
            peak_kib=reading.peak_kib if reading else 0,
        )

    def _read(self, number: int, filename: str) -> tuple[Read, int]:
        """In a thread: open, copy, have it read. Raises OSError, PratiqueError."""
        descriptor = self._opener.open(number)
        try:
            size = os.fstat(descriptor).st_size
            with self._room.taken(min(size, SEALED_BYTES_MAX)):
                begun = time.monotonic()
                copy, sha256, size = sealed_copy(descriptor, bytes_max=SEALED_BYTES_MAX)
                try:
                    reading = self._reading(copy, filename, size)
                finally:
                    os.close(copy)
        finally:
            os.close(descriptor)
        return (
            Read(sha256=sha256, size_bytes=size, reading=reading),
            int((time.monotonic() - begun) * 1000),
        )

    def _reading(self, copy: int, filename: str, size: int) -> Reading | None:
        kind = kind_of(filename)
        if kind is ArtifactKind.OTHER:
            return None
        return self._pool.read(copy, filename=filename, kind=kind.value, size_bytes=size)

    async def _judged(self, file: Path, read: Read) -> Surveyed:
        name = parse_project(_project(file.name))
        page = await self._page(name)
        index = page.index if page else self._index_of(name)
        ref = parse_ref(index, name, read.sha256, file.name)
        now = self._clock()
        facts = await self._inquiry.facts(ref, page, now) if self._index is not None else None
        reading = read.reading
        evidence = evidence_of_reading(
            reading.report if reading else None,
            ref,
            ended=reading.ended if reading else NOT_READ,
            size_bytes=read.size_bytes,
            duration_ms=reading.wall_ms if reading else 0,
            observed_at=now,
            worker="scan",
        )
        decision = await self._judge.judge(
            JudgeRequest(
                id=1,
                ref=ref,
                as_of=now,
                policy_toml=self._policy.text,
                facts=facts,
                evidence=evidence,
                layers_off=tuple(layer for layer in Layer if layer not in self._layers),
            )
        )
        return Surveyed(
            file=str(file),
            filename=ref.filename,
            sha256=ref.sha256,
            size_bytes=read.size_bytes,
            layers=self._states(decision, facts),
            sources=(*(facts.sources if facts else ()), *self._unasked),
            decision=decision,
            facts=facts,
            evidence=evidence,
        )

    async def _page(self, project: NormalizedName) -> ProjectPage | None:
        """One that is not there, or cannot be had, costs only what hangs on it."""
        if self._index is not None:
            with suppress(UpstreamError):
                return await self._index.project(project)
        return None

    def _states(self, decision: Decision, facts: Facts | None) -> tuple[LayerState, ...]:
        scores = {one.layer: one for one in decision.score.layers} if decision.score else {}
        states = []
        for layer in Layer:
            score = scores.get(layer)
            status = score.status if score else LayerStatus.MISSING
            states.append(
                LayerState(
                    layer=layer,
                    state=status.value,
                    score=score.score if score else None,
                    reason=self._reason(layer, status, facts),
                )
            )
        return tuple(states)

    def _reason(self, layer: Layer, status: LayerStatus, facts: Facts | None) -> str:
        if layer is Layer.BEHAVIOUR:
            return _NOT_RUN
        if layer not in self._layers:
            return _NOT_NAMED
        if status is LayerStatus.INCOMPLETE:
            return "its archive could not be read whole"
        if status is LayerStatus.MISSING:
            reasons = (
                source.reason
                for source in (facts.sources if facts else ())
                if source.layer is layer and source.state is SourceState.MISSING
            )
            return next(reasons, "the index does not speak of this file")
        return "asked, and there is none" if status is LayerStatus.ABSENT else ""


def _project(filename: str) -> str:
    """The project that a file's name states, or seems to."""
    stated = project_of(filename)
    if stated is not None:
        return stated
    return canonicalize_name(filename.rsplit("-", 1)[0])
