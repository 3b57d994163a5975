"""The second stage: every artifact of a corpus through our own sandbox, by one route for every class.

No facts are asked for, no page is looked up and the harness marker stands in every box, whatever the
artifact is: what tells the classes apart must be what they do. Real malware is read, never run.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from analyzer.inspection import evidence_of_reading
from analyzer.memfd import sealed_copy
from analyzer.readers.pool import SEALED_BYTES_MAX, ReaderPool
from models.artifact import ArtifactRef, IndexName, parse_ref
from models.canonical import canonical_json
from models.clock import Clock, utc_now
from models.errors import PratiqueError, ValueInvalid
from models.evidence import Evidence
from models.research.manifest import EVIDENCE, RUN, TRACES, Item
from proxy.scanning import Found, Scanner, head_of

SCRATCH = "scratch"
"""Requirements that were fetched."""
INDEX = IndexName("corpus")
"""The index that every artifact is said to be from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What came of one item; `error`: we failed, and it is tried again by the next call."""

    item: Item
    evidence: Evidence | None = None
    error: str = ""


Tell = Callable[[Traced], None]
TRACED = "behaviour.traced"
"""The signal that says whether the sandbox could trace at all."""


def left(folder: Path, items: Iterable[Item]) -> tuple[Item, ...]:
    """The items that have a file and no evidence yet, in their order."""
    return tuple(item for item in items if item.sha256 and not item.evidence_path(folder).exists())


def runs(item: Item) -> bool:
    """Whether an item may be run at all: real malware is not, anywhere."""
    return item.population in RUN


async def trace_all(
    folder: Path,
    items: Sequence[Item],
    scanner: Scanner,
    *,
    boxes: int,
    deadline: float | None,
    tell: Tell,
) -> None:
    """Run what may be run, `boxes` at once, until all is done or `time.monotonic()` is past `deadline`."""
    queue = iter([item for item in items if runs(item)])

    async def work() -> None:
        for item in queue:
            if deadline is not None and time.monotonic() > deadline:
                return
            tell(await _traced(folder, item, scanner))
            await scanner.forget_old()

    async with scanner, asyncio.TaskGroup() as group:
        for _ in range(boxes):
            group.create_task(work())


async def _traced(folder: Path, item: Item, scanner: Scanner) -> Traced:
    if not runs(item):
        raise ValueInvalid(f"{item.filename} is {item.population.value}, and is never run.")
    try:
        data = await asyncio.to_thread(head_of, item.path(folder))
        post = await scanner.observe(Found(ref=ref_of(item), data=data, page=None))
    except (PratiqueError, OSError) as error:
        return Traced(item=item, error=f"{type(error).__name__}: {error}"[:300])
    if post.evidence.signal(TRACED) is not True:
        # Kept, it would count as done, and reading alone would stand for a run.
        return Traced(item=item, error="the sandbox here traces nothing; run this as root")
    await asyncio.to_thread(_keep, folder, item, post.evidence, post.trace)
    return Traced(item=item, evidence=post.evidence)


def read_all(
    folder: Path,
    items: Sequence[Item],
    pool: ReaderPool,
    *,
    deadline: float | None = None,
    tell: Tell,
    clock: Clock = utc_now,
) -> None:
    """Read what may not be run, in confined readers, as many at once as the pool has."""
    unrun = [item for item in items if not runs(item)]

    def one(item: Item) -> Traced | None:
        late = deadline is not None and time.monotonic() > deadline
        return None if late else _read_one(folder, item, pool, clock)

    with ThreadPoolExecutor(pool.size) as threads:
        for traced in threads.map(one, unrun):
            if traced is not None:
                tell(traced)


def _read_one(folder: Path, item: Item, pool: ReaderPool, clock: Clock) -> Traced:
    try:
        evidence = _read(folder, item, pool, clock)
    except (PratiqueError, OSError) as error:
        return Traced(item=item, error=f"{type(error).__name__}: {error}"[:300])
    _keep(folder, item, evidence, b"")
    return Traced(item=item, evidence=evidence)


def _read(folder: Path, item: Item, pool: ReaderPool, clock: Clock) -> Evidence:
    descriptor = os.open(item.path(folder), os.O_RDONLY | os.O_CLOEXEC)
    try:
        copy, found, size = sealed_copy(descriptor, bytes_max=SEALED_BYTES_MAX)
    finally:
        os.close(descriptor)
    try:
        if found != item.sha256:
            raise ValueInvalid(f"{item.filename} has other bytes than the manifest says.")
        reading = pool.read(copy, filename=item.filename, kind=item.kind.value, size_bytes=size)
    finally:
        os.close(copy)
    return evidence_of_reading(
        reading.report,
        ref_of(item),
        ended=reading.ended,
        size_bytes=size,
        duration_ms=reading.wall_ms,
        observed_at=clock(),
        worker="research",
    )


def ref_of(item: Item) -> ArtifactRef:
    """What an item is called in its analysis. Raises ValueInvalid."""
    return parse_ref(INDEX, item.project, item.sha256, item.filename)


def _keep(folder: Path, item: Item, evidence: Evidence, trace: bytes) -> None:
    """The trace first, so that evidence without its trace is never left behind by a kill."""
    if trace:
        _write(item.trace_path(folder), trace)
    _write(item.evidence_path(folder), canonical_json(evidence))


def _write(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(data)
    draft.replace(path)


def make_folders(folder: Path, owner: int | None) -> None:
    """Where results go, owned by whoever writes them. Raises ValueInvalid where one is a link."""
    for name in (EVIDENCE, TRACES, SCRATCH):
        place = folder / name
        place.mkdir(exist_ok=True)
        if place.is_symlink():
            raise ValueInvalid(
                f"{place} is a link, and would be written through.", next_step="Remove it."
            )
        if owner is not None:
            os.chown(place, owner, owner, follow_symlinks=False)
