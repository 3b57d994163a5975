"""A process that writes decisions until it is killed, and says which ones it was told are kept."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from models.clock import utc_now
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import make_decision, make_fetch, make_override, make_ref


async def write(path: Path, writer: str, count: int) -> None:
    """Writes `count` decisions with what belongs to them; one line on stdout after each."""
    store = SqliteStore.open(path, clock=utc_now)
    try:
        for number in range(count):
            ref = make_ref(writer, f"{number}.0")
            await store.put_decision(make_decision(ref), actor=writer)
            await store.record_fetches([make_fetch(ref)])
            await store.add_override(make_override(f"{writer}-{number}", project=writer))
            print(number, flush=True)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
