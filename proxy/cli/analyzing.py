"""A sandbox daemon of one's own: what `worker` and `scan` stand on, outside `serve`."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analyzer.sandbox.launch import daemon_argv

from models.errors import SandboxUnavailable
from proxy.privileges import Roles, child_setup, drop_to, is_root


@contextmanager
def sandbox_daemon(
    *, uid_base: int, boxes: int, harness: bool = False, trace: bool = True
) -> Iterator[Path]:
    """Start a daemon, then drop this process to the worker's uid for good; gives its socket.

    The daemon dies with this process. Raises SandboxUnavailable where it does not come up.
    """
    roles = Roles.from_base(uid_base)
    parent = Path("/run/pratique") if is_root() else None
    if parent is not None:
        parent.mkdir(mode=0o755, exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="boxes-", dir=parent))
    run_dir.chmod(0o711)
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
        # From here on nothing in this process is root; the daemon ends when we do, by its
        # parent-death signal, since we may not signal it any more.
        drop_to(roles.worker)
        os.environ["HOME"] = "/nonexistent"
    try:
        yield socket
    finally:
        if os.geteuid() == 0 or Path(f"/proc/{daemon.pid}").stat().st_uid == os.geteuid():
            daemon.terminate()
            daemon.wait()
