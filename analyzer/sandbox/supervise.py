"""Watch one box from outside until it ends or has to be ended: time, output, client, daemon.

Nothing that a box writes is parsed. Its output is counted, its tail kept, and its report copied
into a memfd up to a bound. The end of the box is the end of its first process, never the end of a
pipe, so a process that holds a pipe open holds nobody up.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from analyzer.sandbox.spawner import Child

OUTPUT_BYTES_MAX = 8 << 20
"""Bytes that a phase may print before it is a flood; a verbose build of numpy prints 2 MiB."""
TAIL_BYTES = 4000
_READ_BYTES = 1 << 16
_GRACE_S = 5.0
"""Seconds that the kernel gets to bury a killed box."""


class RunStopped(Exception):
    """The run ends now, for the client went or the daemon closes."""


class BoxFailed(Exception):
    """A box or sinkhole could not be made, or broke: our fault, not the artifact's."""


@dataclass
class Report:
    """A bounded memfd that takes what boxes report."""

    limit: int
    descriptor: int = field(
        default_factory=lambda: os.memfd_create("blob", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    )
    size: int = 0
    truncated: bool = False

    def append(self, data: bytes) -> None:
        """Add bytes, as far as there is room."""
        kept = data[: self.limit - self.size]
        self.truncated = self.truncated or len(kept) < len(data)
        view = memoryview(kept)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.size += len(kept)

    def append_whole(self, line: bytes) -> None:
        """Add a line, or nothing of it where there is no room for all."""
        if self.size + len(line) > self.limit:
            self.truncated = True
        else:
            self.append(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a box ended, seen from outside."""

    exit_code: int | None
    how: str
    output_tail: str
    output_bytes: int
    wall_ms: int
    started_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else is watched while a box runs: `stops` raise RunStopped, `others` are served."""

    stops: Mapping[int, Callable[[], None]]
    others: Mapping[int, Callable[[], object]] = field(default_factory=dict)


class Supervision:
    """One box from its start to its end. The caller owns the descriptors `out` and `report_in`."""

    def __init__(
        self,
        child: Child,
        *,
        out: int,
        report_in: int,
        report: Report,
        deadline: float,
        kill: Callable[[], None],
        surroundings: Surroundings,
    ) -> None:
        self._child = child
        self._out = out
        self._report_in = report_in
        self._report = report
        self._deadline = deadline
        self._kill = kill
        self._surroundings = surroundings
        self._tail = b""
        self._printed = 0
        os.set_blocking(out, False)
        os.set_blocking(report_in, False)

    def watch(self) -> Ended:
        """Block until the box has ended; raises RunStopped or BoxFailed after killing it."""
        started_ns = time.monotonic_ns()
        try:
            how = self._loop()
        except BaseException:
            self._end()
            raise
        if how != "exit":
            self._end()
        self._read_rest()
        if self._child.error:
            raise BoxFailed(self._child.error)
        return Ended(
            exit_code=self._child.status if how == "exit" else None,
            how=how,
            output_tail=self._tail.decode("utf-8", "replace"),
            output_bytes=self._printed,
            wall_ms=(time.monotonic_ns() - started_ns) // 1_000_000,
            started_ns=started_ns,
        )

    def _loop(self) -> str:
        poll = select.poll()
        served: dict[int, Callable[[], object]] = {
            self._child.reply.fileno(): self._message,
            self._out: self._read_output,
            self._report_in: self._read_report,
            **self._surroundings.others,
            **self._surroundings.stops,
        }
        for number in served:
            poll.register(number, select.POLLIN)
        while self._child.status is None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            for number, event in poll.poll(left * 1000 + 1):
                served[number]()
                ended = event & select.POLLHUP and not event & select.POLLIN
                if ended and number in (self._out, self._report_in):
                    poll.unregister(number)
            if self._printed > OUTPUT_BYTES_MAX:
                return "output-flood"
        return "exit"

    def _message(self) -> None:
        self._child.read_message()

    def _read_output(self) -> None:
        data = _read(self._out)
        self._printed += len(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    def _read_rest(self) -> None:
        """What is still in the pipes of a box that has ended."""
        before = -1
        while before != self._printed <= OUTPUT_BYTES_MAX:
            before = self._printed
            self._read_output()
        while self._read_report():
            pass

    def _read_report(self) -> bool:
        """One piece, never all: a box that keeps the pipe full would keep us from the clock."""
        data = _read(self._report_in)
        self._report.append(data)
        return bool(data)

    def _end(self) -> None:
        """Kill the box and wait until the kernel says that its first process is gone."""
        self._kill()
        self._child.kill()
        end = time.monotonic() + _GRACE_S
        poll = select.poll()
        poll.register(self._child.reply, select.POLLIN)
        while self._child.status is None and time.monotonic() < end:
            if poll.poll(100):
                self._child.read_message()
                self._kill()
                self._child.kill()
        if self._child.status is None:
            raise BoxFailed("a killed box did not end")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return b""


def was_killed(exit_code: int | None) -> bool:
    """Whether an exit code says SIGKILL, as bwrap (128 + n) or the kernel (-n) puts it."""
    return exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL)
