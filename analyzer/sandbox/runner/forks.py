"""What our scripts do alike in a package's process: report, work in forks that may die, wait for threads.

Runs under every interpreter that boxes have (CPython 3.9 and later), and loads as little of the
standard library as it can, so that what the package imports is still to be seen.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time

TYPE_CHECKING = False  # typing is not loaded for this
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")

REPORT_FD = 3
NAME_CHARS_MAX = 200
FORKS_MAX = 20
BEGUN, DONE, RAISED, TIMED_OUT, ENDED = ".", "o", "r", "t", "x"
"""What a fork says about an item, one character each; the last is said by the parent."""
_LOOK_EVERY_S = 0.02


def plain(text: str) -> str:
    """Cut down to what a dotted name may hold."""
    return "".join(c for c in text[:NAME_CHARS_MAX] if c.isalnum() or c in "._-")


def report(line: str) -> None:
    """One JSON line for whoever started the box."""
    with contextlib.suppress(OSError):
        os.write(REPORT_FD, line.encode() + b"\n")


def hide() -> None:
    """Take our traces out of the process: the main module looks like a prompt, and we are not loaded."""
    with contextlib.suppress(ValueError):
        sys.path.remove("/opt/runner")
    for name in [name for name in sys.modules if name.split(".")[0] == "analyzer"]:
        del sys.modules[name]
    sys.argv[:] = [""]


def flush() -> None:
    """Write out what was printed: once, not in every fork."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the package may have put anything in their place
        return


def in_forks(
    items: Sequence[Item],
    act: Callable[[Item], str],
    *,
    silent_s: float,
    end: float,
    lost: Callable[[Item, str], None],
    at_end: Callable[[], None] = flush,
) -> list[str]:
    """Do `act` with each item, in a fork; where one ends it or hangs, the next goes on behind that one.

    Returns what became of the items, in their order; shorter where the time (`end`, of
    `time.monotonic`) or FORKS_MAX was over first. `silent_s`: seconds without a word after which a
    fork counts as hanging. `lost` is told of each item that ended a fork.
    """
    outcomes: list[str] = []
    for _ in range(FORKS_MAX):
        if len(outcomes) >= len(items) or time.monotonic() >= end:
            break
        flush()
        mine, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(mine)
            _work(items[len(outcomes) :], act, theirs, at_end)
        os.close(theirs)
        gone = os.pidfd_open(pid)
        begun, said, hung = _listen(mine, gone, silent_s, end)
        os.close(mine)
        os.close(gone)
        if hung:
            os.kill(pid, 9)
        os.waitpid(pid, 0)
        outcomes += said
        if begun > len(said) or not said:
            outcomes.append(TIMED_OUT if hung else ENDED)
            if len(outcomes) <= len(items):
                lost(items[len(outcomes) - 1], outcomes[-1])
    return outcomes[: len(items)]


def _work(
    items: Sequence[Item], act: Callable[[Item], str], out: int, at_end: Callable[[], None]
) -> None:
    """The fork: never returns, whatever the package did to it."""
    try:
        for item in items:
            os.write(out, BEGUN.encode())
            os.write(out, act(item).encode())
            flush()
        at_end()
        flush()
        os._exit(0)
    finally:
        os._exit(1)


def _listen(source: int, gone: int, silent_s: float, end: float) -> tuple[int, list[str], bool]:
    """(items begun, what became of them, whether the fork hangs), once the fork has no more to say.

    `gone` is readable once it has ended, for a process that it left behind may hold its pipe open.
    """
    import select  # noqa: PLC0415 - only packages with something to fork for pay for it

    begun = 0
    said: list[str] = []
    while True:
        wait_s = min(silent_s, end - time.monotonic())
        ready = select.select([source, gone], [], [], max(0.0, wait_s))[0]
        words = os.read(source, 4096).decode("ascii", "replace") if source in ready else ""
        if not words:
            return begun, said, not ready
        begun += words.count(BEGUN)
        said += [word for word in words if word != BEGUN]


def threads_left() -> bool:
    """Whether a thread besides this one runs."""
    threading = sys.modules.get("threading")
    try:
        return bool(threading.active_count() > 1 if threading else vars(_thread)["_count"]() > 0)
    except BaseException:  # noqa: BLE001 - the package may have put anything in its place
        return False


def await_threads(limit_s: float) -> None:
    """Wait until no other thread runs, but not longer than that."""
    end = time.monotonic() + limit_s
    while threads_left() and time.monotonic() < end:
        time.sleep(_LOOK_EVERY_S)
