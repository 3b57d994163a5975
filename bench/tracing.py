"""What tracing costs: `python -m bench.tracing [ROUNDS]`, as root; prints a table of medians.

CPU seconds of children that import and copy, once with the probes detached and once in a traced box,
in pairs and in random order; and the time of a system call that does nothing. Medians of the
pairs, and minima: the machine may do other things meanwhile.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from analyzer.trace.kernel import Tracer

ROUNDS = 15
NULL_CALLS = 2_000
NULL_CHUNKS = 150
SLOT = 0
WORKLOADS = {
    "start": "pass",
    "import": "import asyncio, email.mime.multipart, http.server, json, sqlite3, unittest.mock, xml.dom",
    "copy": (
        "import os, shutil, tempfile\n"
        "with tempfile.TemporaryDirectory() as t:\n"
        " for i in range(3): shutil.copytree(os.path.dirname(os.__file__) + '/asyncio', f'{t}/{i}')\n"
        " for i in range(3): shutil.copytree(os.path.dirname(os.__file__) + '/email', f'{t}/e{i}')"
    ),
}
NULL = (
    "import os, time\n"
    "call, clock, best = os.getppid, time.perf_counter_ns, 1e9\n"
    f"for _ in range({NULL_CHUNKS}):\n"
    f"  r = range({NULL_CALLS}); t = clock()\n"
    "  for _ in r: call()\n"
    "  best = min(best, (clock() - t) / len(r))\n"
    "print(best)"
)
"""The fastest of many short turns: one that nothing interrupted."""


def cgroup_root() -> Path:
    """The root of the cgroup v2 tree."""
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return next(Path(line.split()[1]) for line in mounts if line.split()[2] == "cgroup2")


def run(script: str, group: Path | None) -> tuple[float, str]:
    """CPU seconds of one child, in a cgroup or where we are; and what it printed."""

    def join() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text("0")

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.run(
        [sys.executable, "-I", "-c", script],
        preexec_fn=join,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, child.stdout


class Bench:
    """A tracer and a box, opened and closed for each traced run."""

    def __init__(self) -> None:
        self.tracer = Tracer.load()
        self.group = cgroup_root() / f"pratique-bench-{os.getpid()}"
        self.group.mkdir()

    def traced(self, script: str, group: Path | None) -> tuple[float, str]:
        """A run with the probes attached; in the box, where `group` is it."""
        self.tracer.open_box(cgroup_id=self.group.stat().st_ino, slot=SLOT)
        self.tracer.begin_phase(SLOT, 1, arm_at_exec=1)
        result = run(script, group)
        self.tracer.drain()
        dropped = self.tracer.account(SLOT)["dropped"]
        self.tracer.summary(SLOT)
        self.tracer.close_box(SLOT)
        assert not dropped, f"{dropped} events were dropped"
        return result

    def plain(self, script: str) -> tuple[float, str]:
        """A run with the probes detached, in the same cgroup."""
        self.tracer.idle()
        return run(script, self.group)

    def pairs(self, script: str, rounds: int) -> list[tuple[float, float]]:
        """(CPU without, CPU with) by pair."""
        found = []
        for _ in range(rounds):
            if random.random() < 0.5:  # noqa: S311 - an order, not a secret
                off, on = self.plain(script)[0], self.traced(script, self.group)[0]
            else:
                on, off = self.traced(script, self.group)[0], self.plain(script)[0]
            found.append((off, on))
        return found

    def null_call(self) -> dict[str, float]:
        """CPU nanoseconds of getppid and a turn of a loop, by where it is made; minima of nine."""
        runs: dict[str, list[tuple[float, str]]] = {
            "detached": [self.plain(NULL) for _ in range(9)],
            "attached, other cgroup": [self.traced(NULL, None) for _ in range(9)],
            "traced": [self.traced(NULL, self.group) for _ in range(9)],
        }
        return {name: min(float(said) for _, said in found) for name, found in runs.items()}

    def close(self) -> None:
        """Give all back."""
        self.tracer.close()
        self.group.rmdir()


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    started = time.monotonic()
    bench = Bench()
    try:
        for name, script in WORKLOADS.items():
            pairs = bench.pairs(script, rounds)
            off, on = (statistics.median(column) for column in zip(*pairs, strict=True))
            cost = statistics.median(100 * (on / off - 1) for off, on in pairs)
            print(f"{name:10} {off:.3f} -> {on:.3f} s CPU, paired median {cost:+.1f} %")
        for name, nanoseconds in bench.null_call().items():
            print(f"null call, {name}: {nanoseconds:.0f} ns")
    finally:
        bench.close()
    print(f"{rounds} pairs, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
