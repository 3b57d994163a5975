"""Load by wrk, and what it costs a server: requests a second, CPU a request, memory. Loopback only."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

WRK = "wrk"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run of wrk."""

    rps: float
    cpu_us: float
    """Of the server and its children, for a request."""
    failed: int
    """Answers that are neither 2xx nor 3xx."""


def wrk(
    url: str, pids: tuple[int, ...], headers: Mapping[str, str], *, connections: int, seconds: int
) -> Load:
    """Ask `url` for `seconds` over `connections`; `pids` are the server's processes."""
    if urlsplit(url).hostname != "127.0.0.1":
        raise ValueError("load goes to loopback only")
    argv = [WRK, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"]
    before = cpu_s(pids)
    done = subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout
    spent = cpu_s(pids) - before
    requests = _number(r"(\d+) requests in", done)
    return Load(
        rps=_number(r"Requests/sec:\s+([\d.]+)", done),
        cpu_us=spent / max(1.0, requests) * 1e6,
        failed=int(_number(r"Non-2xx or 3xx responses: (\d+)", done)),
    )


def need_wrk() -> None:
    """Raises ClickException where wrk is not there."""
    try:
        subprocess.run([WRK, "-v"], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise click.ClickException("wrk is not installed (Debian: apt-get install wrk).") from error


def cpu_s(pids: tuple[int, ...]) -> float:
    """User and system seconds of processes and their descendants, as far as they live."""
    return sum(int(fields[11]) + int(fields[12]) for fields in _tree(pids)) / TICKS


def rss_mib(pids: tuple[int, ...]) -> float:
    """Resident memory of processes and their descendants in MiB; shared pages count in each."""
    return sum(int(fields[21]) for fields in _tree(pids)) * PAGE_BYTES / 2**20


def _tree(pids: tuple[int, ...]) -> Iterator[list[str]]:
    stats: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                stats[int(entry.name)] = fields
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    todo = list(pids)
    while todo:
        pid = todo.pop()
        todo += children.get(pid, ())
        if pid in stats:
            yield stats[pid]


def free_port() -> int:
    """A port of loopback that nobody listens on right now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0
