"""Run one command in a box, then wait for what it left running: payloads like to run detached.

    session.py LINGER_MS COMMAND…

Runs as `python3 -I -S`, so no start hook of the package runs in here. When this process ends, the
box ends, and every process in it.
"""

# Start-up time counts in here; pathlib alone costs as much as the rest.
# ruff: noqa: PTH208

from __future__ import annotations

import contextlib
import os
import select
import sys
import time

REPORT_FD = 3
LOOK_EVERY_S = 0.02
SPAWN_FAILED = 127


def start(command: list[str], env: dict[str, str] | None = None) -> int:
    """Start a program; returns its pid."""
    return os.posix_spawn(command[0], command, os.environ if env is None else env)


def wait(pid: int, timeout_s: float) -> int | None:
    """The exit code (negative: the signal) of our child; None where it had to be killed."""
    pidfd = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([pidfd], [], [], max(0.0, timeout_s))
        if not ready:
            os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(status) if ready else None


def others() -> list[int]:
    """Processes of this box besides its first and ourselves."""
    ours = (1, os.getpid())
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [number for number in numbers if number not in ours]


def linger(timeout_s: float) -> int:
    """Wait until nothing else runs in this box; returns how many still do when time is up."""
    end = time.monotonic() + timeout_s
    left = others()
    while left and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
        left = others()
    return len(left)


def report(line: str) -> None:
    """One line for whoever started the box."""
    with contextlib.suppress(OSError):
        os.write(REPORT_FD, line.encode() + b"\n")


def main(argv: list[str]) -> int:
    """Run, linger, and end as the command ended."""
    linger_ms, *command = argv
    _, status = os.waitpid(start(command), 0)
    left = linger(int(linger_ms) / 1000)
    if left:
        report(f'{{"kind":"lingering","processes":{left}}}')
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
