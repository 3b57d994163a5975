"""A process that works on a corpus and kills itself (SIGKILL) at a stated moment of its work.

`read`, `trace`: FOLDER's items are read, or run by a scanner that stands in for the sandbox. `collect`:
projects p0 to p<COUNT - 1> are fetched from UPSTREAM. By its own hand, so that no test races with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analyzer.readers.confinement import Confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from models.artifact import ArtifactKind
from models.research.choosing import Wanted
from models.research.manifest import read_manifest
from models.research.rows import Population
from proxy.research.corpus import Collector
from proxy.research.tracing import read_all
from tests.proxy.research.test_tracing import FakeScanner, traced


def die() -> None:
    """Now, with nothing tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(moment: str, number: int, place: str) -> None:
    """Die at a moment of the `number`-th file of the folder `place`.

    `half`: half of it is written; `whole`: all of it, but it has not its name yet.
    """
    left = [number]
    write, replace = Path.write_bytes, Path.replace

    def half(path: Path, data: Any) -> int:
        if moment == "half" and path.parent.name == place:
            left[0] -= 1
            if not left[0]:
                write(path, data[: len(data) // 2])
                die()
        return write(path, data)

    def whole(path: Path, target: Path) -> Path:
        if moment == "whole" and target.parent.name == place:
            left[0] -= 1
            if not left[0]:
                die()
        return replace(path, target)

    Path.write_bytes = half  # type: ignore[method-assign,assignment]
    Path.replace = whole  # type: ignore[method-assign,assignment]


def read(folder: Path) -> None:
    """Read all items, one after the other."""
    porter = Porter([], confinement=Confinement.NONE)
    with ReaderPool(porter, size=1) as pool:
        read_all(folder, read_manifest(folder), pool, tell=lambda _: None)


def trace(folder: Path) -> None:
    """Run all items, one after the other."""
    asyncio.run(traced(folder, list(read_manifest(folder)), FakeScanner(), boxes=1))


def collect(folder: Path, upstream: str, count: int, number: int) -> None:
    """Fetch, and die once `number` of `count` are there."""
    wanted = [
        Wanted(project=f"p{at}", kind=ArtifactKind.WHEEL, population=Population.POPULAR)
        for at in range(count)
    ]

    async def work() -> None:
        async with Collector(folder, upstream=upstream) as collector:
            await collector.collect(wanted, lambda done, _of, _name: die_if(done == number))

    asyncio.run(work())


def die_if(due: bool) -> None:
    """Die, if it is time."""
    if due:
        die()


def main(what: str, folder: str, *more: str) -> None:
    """`read|trace FOLDER MOMENT NUMBER PLACE`, or `collect FOLDER UPSTREAM COUNT NUMBER`."""
    if what == "collect":
        upstream, count, number = more
        collect(Path(folder), upstream, int(count), int(number))
        return
    moment, number, place = more
    die_at(moment, int(number), place)
    work: dict[str, Callable[[Path], None]] = {"read": read, "trace": trace}
    work[what](Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
