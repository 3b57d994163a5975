"""A sandbox daemon of one's own: what `worker` and `scan` stand on, outside `serve`."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analyzer.sandbox.launch import daemon_argv
from models.errors import SandboxUnavailable
from proxy.privileges import Roles, child_setup, is_root

FOLDERS_MAX = 16
"""Scans and workers of one machine at once; each has a daemon of some 20 MiB."""


@contextmanager
def sandbox_daemon(
    *,
    uid_base: int,
    boxes: int,
    harness: bool = False,
    trace: bool = True,
    interpreters: Sequence[Path] = (),
) -> Iterator[Path]:
    """Start a daemon and give its socket; as root, the block runs in a child with the worker's uid.

    The daemon dies with this process. Raises SandboxUnavailable where it does not come up.
    """
    roles = Roles.from_base(uid_base)
    run_dir, lock = _claim_folder()
    socket = run_dir / "sandbox.sock"
    daemon = subprocess.Popen(
        daemon_argv(
            socket=socket,
            client_uid=roles.worker if is_root() else os.geteuid(),
            uid_base=roles.boxes,
            boxes=boxes,
            run_dir=run_dir,
            harness=harness,
            trace=trace,
            interpreters=interpreters,
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent"},
        preexec_fn=child_setup(None),
    )
    assert daemon.stdout is not None  # noqa: S101 - asked for with PIPE
    if daemon.stdout.readline().strip() != b"ready":
        raise SandboxUnavailable(
            "The sandbox daemon did not come up.",
            next_step="Its message stands above; `pratique doctor` checks the machine.",
        )
    if is_root():
        _become_worker(daemon, roles.worker)
        yield socket
        return
    try:
        yield socket
    finally:
        daemon.terminate()
        daemon.wait()
        os.close(lock)


def _claim_folder() -> tuple[Path, int]:
    """A run folder that no other process uses, and the lock that keeps it so while we live.

    Folders are used again rather than made anew: the daemon sweeps what a killed one left there.
    """
    base = Path("/run/pratique") if is_root() else Path.home() / ".cache" / "pratique"
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    for number in range(FOLDERS_MAX):
        folder = base / f"alone-{number}"
        folder.mkdir(mode=0o711, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return folder, lock
    raise SandboxUnavailable(
        f"{FOLDERS_MAX} scans or workers run on this machine already.",
        next_step="Wait for one to end.",
    )


def _become_worker(daemon: subprocess.Popen[bytes], uid: int) -> None:
    """Go on in a child that is nobody; this process stays root, and only waits for both.

    It cannot just drop its own privileges: neither a signal nor the parent-death signal of a
    dropped process reaches the daemon, which is root, so the daemon would outlive us.
    """
    worker = os.fork()
    if worker == 0:
        child_setup(uid)()
        os.environ["HOME"] = "/nonexistent"
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: os.kill(worker, got))
    _, status = os.waitpid(worker, 0)
    daemon.terminate()
    daemon.wait()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
