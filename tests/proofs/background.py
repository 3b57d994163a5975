"""An upstream that runs in a thread of its own beside blocking tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.demo.upstream import LocalUpstream


@contextmanager
def running_upstream(upstream: LocalUpstream) -> Iterator[LocalUpstream]:
    """Run `upstream` until the block ends."""
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        await upstream.start()
        started.set()
        await stop.wait()
        await upstream.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield upstream
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
