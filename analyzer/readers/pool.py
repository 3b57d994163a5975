"""A pool of warm readers: one artifact's descriptor in, its report out, bounded in every respect."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from analyzer.inventory import REPORT_BYTES_MAX, ReaderReport
from analyzer.readers.porter import Porter
from analyzer.report import parse_report
from analyzer.sandbox import wire
from models.errors import SandboxFailed

BUDGET_MS = 40_000
"""Milliseconds for one file, as in an analysis (`pipeline.READ_MS_MAX`)."""
START_S = 20.0
"""Seconds for a reader to start: a box and some fifty modules take 0.5 s here."""
SLACK_S = 5.0
"""Seconds beyond a file's time within which its reader must have said how it ended."""
STARTS_IN_A_ROW_MAX = 3
"""Readers that may fail to start one after the other before the pool gives up."""
SEALED_BYTES_MAX = 1 << 30
"""Bytes of files that are in memory at once, whatever their number; the largest file that is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How reading one file went. `report` None: `ended` says why there is none."""

    report: ReaderReport | None
    ended: str
    """`exit`, `timeout`, `crashed`, `lost` (its reader died with it) or `malformed`."""
    wall_ms: int = 0
    cpu_ms: int = 0
    peak_kib: int = 0


class ReaderPool:
    """`size` readers. Thread-safe: as many threads may read at once. Use as a context manager."""

    def __init__(self, porter: Porter, *, size: int, budget_ms: int = BUDGET_MS) -> None:
        self._porter = porter
        self._budget_ms = budget_ms
        self._free: queue.SimpleQueue[socket.socket | None] = queue.SimpleQueue()
        self.size = size

    def __enter__(self) -> Self:
        try:
            for _ in range(self.size):
                self._free.put(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while not self._free.empty():
            reader = self._free.get()
            if reader is not None:
                reader.close()

    def read(self, file: int, *, filename: str, kind: str, size_bytes: int) -> Reading:
        """Read a sealed descriptor, which stays the caller's. Raises SandboxFailed where we fail."""
        reader = self._free.get()
        try:
            reader = reader or self._start()
            with _memfd() as report:
                answer = self._exchange(
                    reader,
                    {
                        "filename": filename,
                        "kind": kind,
                        "size_bytes": size_bytes,
                        "budget_ms": self._budget_ms,
                    },
                    (file, report),
                )
                if answer is None:
                    reader.close()
                    reader = None
                    return Reading(report=None, ended="lost")
                return _reading(answer, report, filename=filename, kind=kind)
        finally:
            self._free.put(reader)

    def _exchange(
        self, reader: socket.socket, message: dict[str, object], files: tuple[int, int]
    ) -> dict[str, object] | None:
        reader.settimeout(self._budget_ms / 1000 + SLACK_S)
        try:
            wire.send(reader, message, files)
            received = wire.receive(reader)
        except (OSError, wire.WireError):
            return None
        if received is None:
            return None
        answer, unasked = received
        wire.close_all(unasked)
        return answer

    def _start(self) -> socket.socket:
        for _ in range(STARTS_IN_A_ROW_MAX):
            try:
                reader = self._porter.reader()
            except OSError as error:
                raise SandboxFailed(f"No reader could be started: {error}.") from error
            reader.settimeout(START_S)
            with contextlib.suppress(OSError, wire.WireError):
                received = wire.receive(reader)
                if received is not None and received[0].get("ready") is True:
                    return reader
            reader.close()
        raise SandboxFailed(
            "Readers do not come up in their boxes.",
            next_step="`pratique doctor` checks the machine; the code must be readable to all users.",
        )


class Room:
    """Lets files into memory while there is room for them; a big one waits until it has it."""

    def __init__(self, bytes_max: int = SEALED_BYTES_MAX) -> None:
        self._free = bytes_max
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size_bytes: int) -> Iterator[None]:
        """Hold that much. It must not be more than there is in all."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size_bytes)
            self._free -= size_bytes
        try:
            yield
        finally:
            with self._changed:
                self._free += size_bytes
                self._changed.notify_all()


def _reading(answer: dict[str, object], report: int, *, filename: str, kind: str) -> Reading:
    numbers = {
        name: value
        for name in ("wall_ms", "cpu_ms", "peak_kib")
        if isinstance(value := answer.get(name), int)
    }
    ended = answer.get("ended")
    if ended not in ("exit", "timeout", "crashed"):
        return Reading(report=None, ended="malformed")
    if ended != "exit":
        return Reading(report=None, ended=str(ended), **numbers)
    blob = os.pread(report, REPORT_BYTES_MAX + 1, 0)
    found = parse_report(blob, filename=filename, kind=kind)
    return Reading(report=found, ended="exit" if found else "malformed", **numbers)


@contextmanager
def _memfd() -> Iterator[int]:
    descriptor = os.memfd_create("report", os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
