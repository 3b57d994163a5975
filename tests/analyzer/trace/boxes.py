"""Bare boxes for tests of the tracer: a cgroup, a child in it, and the events that come out."""

from __future__ import annotations

import subprocess
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.sandbox.protocol import PhaseResult
from analyzer.trace.decode import decode_trace
from analyzer.trace.handover import PYTHON
from analyzer.trace.kernel import Tracer
from analyzer.trace.records import frame
from models.trace import Event, EventKind

CHILD_S = 60
"""Seconds a child may take; they take a tenth of one."""

PRELUDE = """
import ctypes, errno, fcntl, mmap, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
sys.path.append({root!r})
from analyzer.trace.syscalls import numbers
NUMBERS = numbers()
def call(name, *arguments):
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return libc.syscall(ctypes.c_long(NUMBERS[name]), *values)
"""
"""What every child script begins with: `call("name", …)` makes exactly that system call."""

ROOT = Path(__file__).resolve().parents[3]


def cgroup_root() -> Path:
    """The root of the cgroup v2 tree: by itself, or beside v1 controllers."""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise LookupError("no cgroup v2 tree is mounted")


@dataclass
class Box:
    """One slot of a tracer, and its cgroup."""

    tracer: Tracer
    slot: int
    cgroup: Path
    records: dict[int, list[bytes]] = field(default_factory=dict)
    phases: list[PhaseResult] = field(default_factory=list)

    @property
    def cgroup_id(self) -> int:
        return self.cgroup.stat().st_ino

    def join(self) -> None:
        """Puts the calling process into the box."""
        (self.cgroup / "cgroup.procs").write_text("0")

    def begin(self, phase: int = 1, *, arm_at_exec: int = 1, drops_to_simulate: int = 0) -> None:
        self.phases.append(
            PhaseResult(
                phase=f"P{phase}",
                exit_code=None,
                ended="exit",
                wall_ms=0,
                started_ns=time.monotonic_ns(),
            )
        )
        self.tracer.begin_phase(
            self.slot, phase, arm_at_exec=arm_at_exec, drops_to_simulate=drops_to_simulate
        )

    def start(
        self, script: str, *arguments: str, preexec: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """A Python child in the box; its first exec is the interpreter."""
        text = PRELUDE.format(root=str(ROOT)) + textwrap.dedent(script)

        def enter() -> None:
            if preexec is not None:
                preexec()
            self.join()

        return subprocess.Popen(
            [PYTHON, "-I", "-S", "-c", text, *arguments],
            preexec_fn=enter,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def run(self, script: str, *arguments: str, code: int = 0) -> str:
        """Runs a child to its end; its output."""
        with self.start(script, *arguments) as child:
            output, errors = child.communicate(timeout=CHILD_S)
        assert child.returncode == code, errors
        return output

    def drain(self) -> None:
        for slot, record in self.tracer.drain():
            self.records.setdefault(slot, []).append(record)

    def finish(self) -> None:
        """What the kernel counted so far comes out as records, as when a phase has ended."""
        self.records.setdefault(self.slot, []).extend(self.tracer.summary(self.slot))

    def events(self, kind: EventKind | None = None) -> list[Event]:
        """Everything that came out of this slot so far."""
        self.drain()
        events = decode_trace(frame(self.records.get(self.slot, [])), self.phases)
        return [event for event in events if kind in (None, event.kind)]

    def close(self) -> None:
        self.tracer.close_box(self.slot)
        self.cgroup.rmdir()
