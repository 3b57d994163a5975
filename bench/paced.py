"""Answers to one client that asks at a steady pace: `python -m bench.paced URL JSON`, as a program of its own.

JSON on the command line: {"count": …, "every_ms": …, "headers": {…}}. One connection stays open, as an
installer's does. On standard output: milliseconds of each answer, as a JSON list. It runs before everything
else on the machine where it may, so that what waits is the server.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

NICE = -15


def asked(url: str, *, count: int, every_ms: float, headers: dict[str, str]) -> list[float]:
    """Milliseconds of `count` answers, each begun `every_ms` after the one before, or at its end."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    times = []
    due = time.perf_counter()
    for _ in range(count):
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        due = begun + every_ms / 1e3
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - begun) * 1e3)
        assert answer.status == 200, answer.status
    connection.close()
    return times


def main() -> None:
    """See the module."""
    with suppress(PermissionError):
        os.nice(NICE)
    json.dump(asked(sys.argv[1], **json.loads(sys.argv[2])), sys.stdout)


if __name__ == "__main__":
    main()
