"""Who touches the decoys, seen from outside the box: inotify on the inodes themselves.

A thread that swaps a path under the tracer's eyes cannot fool this, and no privilege is needed.
What a process merely stats is not seen; a mapped read shows as an open.
"""

from __future__ import annotations

import json
import os
import struct
import time
from collections import Counter
from collections.abc import Iterable

from analyzer.sandbox import kernelcalls, layout
from analyzer.sandbox.cell import Cell
from analyzer.sandbox.protocol import Canary
from analyzer.sandbox.supervise import Report

LOG_BYTES_MAX = 2 << 20
"""Bytes of JSON lines of one run; about 20,000 events. Only whole lines are kept."""
SAME_EVENTS_MAX = 100
"""Lines of one decoy and one event in a run: a loop over one decoy leaves room for all the others."""
_READ_BYTES = 1 << 16
_HEADER = struct.Struct("iIII")
_OVERFLOW = 0x4000
_EVENTS = {0x20: "open", 0x1: "access", 0x2: "modify", 0x400: "delete", 0x800: "move"}
_MASK = sum(_EVENTS)


class DecoyWatch:
    """Watches the files of `canaries` in one cell, and writes a line for each event."""

    def __init__(self, cell: Cell, canaries: Iterable[Canary]) -> None:
        self.descriptor = kernelcalls.inotify_init()
        self.report = Report(limit=LOG_BYTES_MAX)
        self._watched: dict[int, Canary] = {}
        self._told: Counter[tuple[int, str]] = Counter()
        for canary in canaries:
            if canary.path:
                inside = canary.path.removeprefix(f"{layout.HOME}/")
                path = str(cell.root / "home" / inside)
                number = kernelcalls.inotify_add(self.descriptor, path, _MASK)
                self._watched[number] = canary

    def read(self) -> bool:
        """Take a piece of what has happened since the last call; False: there was nothing."""
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        at_ns = time.monotonic_ns()
        place = 0
        while place + _HEADER.size <= len(data):
            number, mask, _, length = _HEADER.unpack_from(data, place)
            place += _HEADER.size + length
            self._add(at_ns, number, mask)
        return True

    def read_all(self) -> None:
        """Take everything. Only once no box runs: a box could go on for ever."""
        while self.read():
            pass

    def _add(self, at_ns: int, number: int, mask: int) -> None:
        canary = self._watched.get(number)
        if mask & _OVERFLOW:
            self.report.truncated = True
        if canary is None:
            return
        for bit, event in _EVENTS.items():
            if not mask & bit:
                continue
            self._told[number, event] += 1
            if self._told[number, event] <= SAME_EVENTS_MAX:
                line = {"path": canary.path, "id": canary.id, "event": event}
                text = json.dumps({"at_ns": at_ns, **line}, separators=(",", ":"))
                self.report.append_whole(text.encode() + b"\n")

    def close(self) -> None:
        """Take in the rest and stop."""
        self.read_all()
        os.close(self.descriptor)
