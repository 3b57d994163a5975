"""Import one top-level module once more, and stay as long as threads of it run.

    again.py NAME SPEED WAITING_FD

The clock may run SPEED times as fast as the real one, so how long we stay is up to who started us:
a byte on WAITING_FD says that the import is done and threads are left.
"""

from __future__ import annotations

import os
import sys
import time

from analyzer.sandbox.runner.forks import flush, hide, threads_left
from analyzer.sandbox.runner.module import attempt

LOOK_EVERY_S = 0.02
"""Real seconds between two looks at the threads."""


def start() -> None:
    """What `wait` starts."""
    name, speed, waiting = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if speed > 1:
        from analyzer.sandbox.runner import clock  # noqa: PLC0415 - only under a clock that needs it

        clock.patch()
    sleep = time.sleep
    hide()
    os.set_inheritable(waiting, False)
    if name:
        attempt(name, kind="again")
    flush()
    if threads_left():
        os.write(waiting, b"w")
        while threads_left():
            sleep(LOOK_EVERY_S * speed)
