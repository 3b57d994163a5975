"""How many boxes fit on this machine at once: one for each core, as far as memory goes."""

from __future__ import annotations

import os
from pathlib import Path

from analyzer.sandbox.cell import BYTES_MIN
from analyzer.sandbox.options import BOXES_MAX, MEMORY_BYTES

_MEMINFO = Path("/proc/meminfo")


def boxes_that_fit(memory_bytes: int = MEMORY_BYTES) -> int:
    """From 1 to BOXES_MAX; `memory_bytes`: of one box, beside its files."""
    cores = len(os.sched_getaffinity(0))
    return fitting(cores, available_bytes(_MEMINFO.read_text()), memory_bytes + BYTES_MIN)


def fitting(cores: int, available: int, each: int) -> int:
    """The number of boxes of `each` bytes, one a core, that `available` bytes hold; at least one."""
    return max(1, min(BOXES_MAX, cores, available // each))


def available_bytes(meminfo: str) -> int:
    """MemAvailable of a text such as /proc/meminfo; 0 where it does not say."""
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if name == "MemAvailable" and number and number[0].isdigit():
            return int(number[0]) * 1024
    return 0
