"""Many connections at once, as a program of its own: `python -m bench.crowd URL JSON`.

JSON on the command line: {"path": …, "count": …, "headers": [{…}, …], "settle_s": …}. Each connection asks
once and stays; a line on standard output says how they were answered once all were, the process then
waits for its standard input to end.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter
from urllib.parse import urlsplit

OPENING_MAX = 200
"""Connections that are opened at once; the backlog is 1,024."""


async def one(
    host: str, port: int, path: str, headers: dict[str, str], gate: asyncio.Semaphore
) -> tuple[str, asyncio.StreamWriter | None]:
    """The status of one answer, and its connection."""
    async with gate:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return type(error).__name__, None
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    try:
        status = (await reader.readline()).split()
        length = 0
        while (line := (await reader.readline()).strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as error:
        return type(error).__name__, writer
    return status[1].decode() if len(status) > 1 else "nothing", writer


async def crowd(url: str, wanted: dict[str, object]) -> None:
    """Open them all, say how they were answered, and stay."""
    parts = urlsplit(url)
    gate = asyncio.Semaphore(OPENING_MAX)
    headers = wanted["headers"]
    count = wanted["count"]
    assert isinstance(headers, list)
    assert isinstance(count, int)
    answers = await asyncio.gather(
        *(
            one(
                parts.hostname or "", parts.port or 80, str(wanted["path"]),
                headers[number % len(headers)], gate,
            )
            for number in range(count)
        )
    )  # fmt: skip
    sys.stdout.write(json.dumps(Counter(status for status, _ in answers)) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """See the module."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(crowd(sys.argv[1], json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
