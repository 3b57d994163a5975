"""Attaching the loaded programs to their tracepoints, and detaching them.

Attached programs cost every process on the machine some 0.3 us a system call, wherever it runs, so
they are attached only while boxes run. Attaching takes about 2 ms; detaching waits for the kernel
(RCU), 0.3 to 0.5 s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from analyzer.trace import bpf

TRACEFS_PLACES = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))


def tracepoint_id(name: str) -> int:
    """The number of the tracepoint `category/event`. Raises FileNotFoundError where it is not."""
    for place in TRACEFS_PLACES:
        path = place / "events" / name / "id"
        if path.exists():
            return int(path.read_text(encoding="ascii"))
    raise FileNotFoundError(f"tracepoint {name} in tracefs")


class Probes:
    """The programs, by `category/event`, and whether they are attached."""

    def __init__(self, programs: Mapping[str, int]) -> None:
        self._programs = dict(programs)
        self._event_fds: list[int] = []

    @property
    def attached(self) -> bool:
        """Whether the programs run."""
        return bool(self._event_fds)

    def attach(self) -> None:
        """Runs every program at its tracepoint. Raises OSError, and then none is attached."""
        if self.attached:
            return
        fds: list[int] = []
        try:
            for name, program_fd in self._programs.items():
                fds.append(bpf.attach_tracepoint(program_fd, tracepoint_id(name)))
        except OSError:
            _close(fds)
            raise
        self._event_fds = fds

    def detach(self) -> None:
        """Stops every program; takes up to half a second where it was attached."""
        fds, self._event_fds = self._event_fds, []
        _close(fds)

    def recursion_misses(self) -> int:
        """Runs that the kernel left out, over all programs and the whole machine, since loading."""
        return sum(bpf.recursion_misses(fd) for fd in self._programs.values())

    def close(self) -> None:
        """Detaches, and lets the programs go."""
        self.detach()
        fds, self._programs = list(self._programs.values()), {}
        _close(fds)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
