"""What a request costs as a store and a page grow, one dimension at a time."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bench.growth import grow_decisions, grow_fetches, grow_projects
from proxy.demo.packages import BuiltFile
from proxy.demo.upstream import JSON, LocalUpstream
from tests.proofs.bench_stage import NO_BOXES, Opened, opened
from tests.proofs.proof import Outcome

GROWTH_MAX = 1.2
"""CPU a request at any size, of that at the smallest (issue 7)."""
ROUNDS = 4
SECONDS = 2
"""Of each run of wrk; a second of CPU is a hundred ticks."""


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What grows, from which size to which, and how it is brought about."""

    name: str
    sizes: tuple[int, ...]
    store: Callable[[Path, int], None] | None = None
    """None: the page of the one project grows."""

    @contextmanager
    def open(self, size: int) -> Iterator[Opened]:
        """A firewall of that size."""
        if (grow := self.store) is not None:
            with opened(*NO_BOXES, grow=lambda database: grow(database, size)) as stage:
                yield stage
        else:
            with opened(*NO_BOXES, upstream=lambda files: Crowded(files, size)) as stage:
                yield stage


class Crowded(LocalUpstream):
    """One of its projects lists many files that nobody asks for."""

    def __init__(self, files: list[BuiltFile], count: int) -> None:
        super().__init__(files)
        self._more = [
            {
                "filename": f"{files[0].project}-0.{number}-py3-none-any.whl",
                "url": f"../../packages/{files[0].project}-0.{number}-py3-none-any.whl",
                "hashes": {"sha256": f"{number:064x}"},
                "size": 10_000 + number,
                "upload-time": "2026-01-01T00:00:00Z",
                "requires-python": ">=3.8",
                "yanked": False,
            }
            for number in range(count - 1)
        ]

    async def _project(self, request: web.Request) -> web.Response:
        answer = await super()._project(request)
        document = json.loads(answer.text or "{}")
        document["files"] += self._more
        return web.json_response(document, content_type=JSON)


DIMENSIONS = {
    each.name: each
    for each in (
        Dimension(
            name="decisions", sizes=(1_000, 10_000, 100_000, 1_000_000), store=grow_decisions
        ),
        Dimension(name="fetches", sizes=(1_000, 1_000_000), store=grow_fetches),
        Dimension(name="projects", sizes=(10, 1_000, 100_000, 500_000), store=grow_projects),
        Dimension(name="files of a project", sizes=(10, 1_000, 10_000, 100_000)),
    )
}


def growing(item: str) -> Outcome:
    """CPU a request of page and wheel at every size, turn by turn in one run."""
    dimension = DIMENSIONS[item.removeprefix("growth of ")]
    with ExitStack() as stack:
        stages = {size: stack.enter_context(dimension.open(size)) for size in dimension.sizes}
        costs = {name: _costs(stages, name) for name in ("page", "wheel")}
    counted = ("page", "wheel") if dimension.store is not None else ("wheel",)
    worst = max(costs[name][size].ratio for name in counted for size in dimension.sizes)
    return Outcome(
        item=item,
        holds=worst <= GROWTH_MAX,
        detail="; ".join(
            f"{size:,}: " + ", ".join(f"{name} {costs[name][size]}" for name in costs)
            for size in dimension.sizes
        ),
        measures={
            f"{item} {size} {name}_us": costs[name][size].cpu_us
            for size in dimension.sizes
            for name in costs
        },
        facts={
            f"{size} {name}": str(costs[name][size]) for size in dimension.sizes for name in costs
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU a request, and the median of what it is of that at the smallest size in its round."""

    cpu_us: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.cpu_us:.0f} µs ({self.ratio:.2f})"


def _costs(stages: dict[int, Opened], what: str) -> dict[int, Cost]:
    paths = {
        size: "/simple/small/" if what == "page" else stage.wheel for size, stage in stages.items()
    }
    sizes, rounds = list(stages), []
    for number in range(ROUNDS + 1):
        turn = number % len(sizes)
        rounds.append(
            {
                size: stages[size].load(paths[size], seconds=SECONDS).cpu_us
                for size in sizes[turn:] + sizes[:turn]
            }
        )
    told = rounds[1:]  # the first one warms
    return {
        size: Cost(
            cpu_us=statistics.median(each[size] for each in told),
            ratio=statistics.median(each[size] / each[sizes[0]] for each in told),
        )
        for size in sizes
    }
