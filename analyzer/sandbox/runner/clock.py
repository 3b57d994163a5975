"""Timed waits of threads under a clock that runs fast (libfaketime).

CPython waits for locks with sem_clockwait(3), which libfaketime 0.9.10 does not know: it gets a
deadline of the fast clock, and the kernel waits for it by the real one, for weeks. So the waits of
`threading` (and of what stands on it: queues, timers, futures) look again and again instead.
Runs under every interpreter that boxes have.
"""

from __future__ import annotations

import threading
import time

LOOK_EVERY_S = 1.0
"""Seconds of the fast clock between two looks."""


class WaitingLock:
    """A lock whose timed wait is made of sleeps."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As of a lock."""
        if not blocking or timeout < 0:
            return self._lock.acquire(blocking)
        end = time.monotonic() + timeout
        while not self._lock.acquire(False):
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(LOOK_EVERY_S, left))
        return True

    def release(self) -> None:
        """As of a lock."""
        self._lock.release()

    def locked(self) -> bool:
        """As of a lock."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


def patch() -> None:
    """Have conditions wait so: they ask the module for the lock that each of their waiters holds."""
    vars(threading)["_allocate_lock"] = WaitingLock
