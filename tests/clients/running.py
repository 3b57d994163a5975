"""All cells, three at a time: most of their time is waiting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.clients.cells import Cell, tried
from tests.clients.stage import stage
from tests.clients.tools import Tool, built

AT_ONCE = 3
WAITS = ("held-refused", "held-served", "tls-held-served", "sync-turned")
"""Cases that wait most; they begin first, so that others fill their time."""


@contextmanager
def all_tried(wanted: Sequence[tuple[Tool, str]]) -> Iterator[dict[tuple[Tool, str], Future[Cell]]]:
    """Each cell's future, while they run."""
    tools = sorted({tool for tool, _ in wanted}, key=str)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for ready in [pool.submit(built, tool) for tool in tools]:
            ready.result()
        with stage(tools) as running:
            order = sorted(wanted, key=lambda cell: cell[1] not in WAITS)
            futures = {cell: pool.submit(tried, running, *cell) for cell in order}
            yield futures
            pool.shutdown(wait=True, cancel_futures=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
