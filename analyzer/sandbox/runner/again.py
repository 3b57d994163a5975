"""Import one top-level module and what is below it once more, and stay as long as threads of it run.

    again.py NAME SPEED WAITING_FD

The clock may run SPEED times as fast as the real one, so how long we stay is up to who started us:
a byte on WAITING_FD says that the import is done and threads are left.
"""

from __future__ import annotations

import os
import sys
import time

from analyzer.sandbox.runner.forks import flush, hide, threads_left
from analyzer.sandbox.runner.module import LAST, attempt, submodules

LOOK_EVERY_S = 0.02
"""Real seconds between two looks at the threads."""
SUBMODULES_MAX = 100
SUBMODULES_S = 1.0
"""Real seconds for the modules below; P3 has imported them before, so most of them load fast."""


def import_below(package: str, end: float) -> None:
    """Import what is below a package until `end` of the process's own clock; tests are left out."""
    now = time.monotonic
    for name in submodules(package, SUBMODULES_MAX)[:SUBMODULES_MAX]:
        if now() >= end or any(part in LAST for part in name.split(".")):
            return
        if name not in sys.modules:
            attempt(name, kind="again")


def start() -> None:
    """What `wait` starts."""
    name, speed, waiting = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if speed > 1:
        from analyzer.sandbox.runner import clock  # noqa: PLC0415 - only under a clock that needs it

        clock.patch()
    sleep, now = time.sleep, time.monotonic
    hide()
    os.set_inheritable(waiting, False)
    if name and attempt(name, kind="again"):
        import_below(name, now() + SUBMODULES_S * speed)
    flush()
    if threads_left():
        os.write(waiting, b"w")
        while threads_left():
            sleep(LOOK_EVERY_S * speed)
