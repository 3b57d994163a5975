"""The proxy's side of reading a feed: starts the child, tells it what is known, and hears it out."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from analyzer.advisories.record import Advisory, Refused
from models.errors import FeedInvalid
from proxy.feeds.lines import LINE_BYTES_MAX, End, Known, Line

LOG = structlog.get_logger()

READ_S = 1_800.0
"""Seconds that reading a feed may take, as `proxy.feeds.child.CPU_S_MAX`."""
RECORDS_MAX = 300_000
"""Records about PyPI in one feed; all databases together have some 30,000 (ours, June 2025)."""
LINES_AT_ONCE = 100
"""Lines read before other work of the proxy gets its turn; they take some 5 ms."""
STDERR_BYTES_MAX = 4_096
"""Bytes of what the child says beside its lines that are logged."""

_LINES = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class Read:
    """What the child said."""

    advisories: list[Advisory] = field(default_factory=list)
    same: set[str] = field(default_factory=set)
    """Ids of records that are known as they are."""
    refused: list[Refused] = field(default_factory=list)
    end: End = field(default_factory=End)


async def read_feed(path: Path, known: Known) -> Read:
    """Have the child read a feed. Raises FeedInvalid where it did not come to its end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "proxy.feeds.child", str(path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
        env={key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ},
    )  # fmt: skip
    read = Read()
    try:
        async with asyncio.timeout(READ_S):
            await asyncio.gather(_tell(child, known), _hear(child, read), _drain(child))
            code = await child.wait()
    except TimeoutError as error:
        raise FeedInvalid(f"Reading the feed took more than {READ_S:g} s.") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise FeedInvalid(
            "The reading process said something that is none of our lines."
        ) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code != os.EX_OK:
        raise FeedInvalid(f"The reading process ended early (exit code {code}).")
    return read


async def _tell(child: asyncio.subprocess.Process, known: Known) -> None:
    stdin = child.stdin
    if stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended; its exit code says more
        stdin.write(msgspec.json.encode(known))
        await stdin.drain()
    stdin.close()


async def _hear(child: asyncio.subprocess.Process, read: Read) -> None:
    ended, lines = False, 0
    while child.stdout is not None and (data := await child.stdout.readline()):
        line = _LINES.decode(data)
        lines += 1
        if lines % LINES_AT_ONCE == 0:
            await asyncio.sleep(0)  # what is buffered already would not give way by itself
        if line.advisory is not None:
            read.advisories.append(line.advisory)
        elif line.refused is not None:
            read.refused.append(line.refused)
        elif line.end is not None:
            read.end, ended = line.end, True
        else:
            read.same.add(line.same)
        if len(read.advisories) + len(read.same) + len(read.refused) > RECORDS_MAX:
            raise FeedInvalid(f"The feed holds more than {RECORDS_MAX} records about PyPI.")
    if not ended:
        raise FeedInvalid("The feed was not read to its end.")


async def _drain(child: asyncio.subprocess.Process) -> None:
    """What it says beside its lines goes into the log, cut."""
    if child.stderr is None:
        return
    told = await child.stderr.read(STDERR_BYTES_MAX)
    while await child.stderr.read(65_536):
        pass
    if told:
        LOG.warning("feed_reader_said", text=told.decode("utf-8", "backslashreplace")[:1_000])
