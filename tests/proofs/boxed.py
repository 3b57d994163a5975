"""One command over one archive in a box without network, with its time and memory: bubblewrap.

The archive is read-only, the root is the machine's /usr, /tmp is the box's own, nobody is root.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox.boxes import BWRAP

PYTHON = "/usr/bin/python3"
SECONDS_MAX = 300
"""Wall and processor time of one command; GuardDog's own bound for unpacking (sandbox.py)."""
MEMORY_BYTES_MAX = 6 << 30
"""Address space of one process."""
CERTIFICATES = Path("/etc/ssl/certs")
"""Libraries that speak TLS fail at import without them."""
METER = """
import json, os, sys, time
os.set_inheritable(int(sys.argv[1]), False)
begun = time.monotonic()
child = os.spawnv(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
said = {"code": os.waitstatus_to_exitcode(status), "wall_s": round(time.monotonic() - begun, 4),
        "cpu_s": round(used.ru_utime + used.ru_stime, 4), "rss_kib": used.ru_maxrss}
os.write(int(sys.argv[1]), json.dumps(said).encode())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed:
    """What a command said, and what it took; `failed` in words where it did not end by itself."""

    stdout: bytes
    stderr: bytes
    code: int | None = None
    wall_s: float
    cpu_s: float
    rss_kib: int = 0
    failed: str = ""


def run_boxed(
    command: Sequence[str],
    archive: Path,
    *,
    readable: Sequence[Path] = (),
    environment: dict[str, str] | None = None,
    seconds: float = SECONDS_MAX,
) -> Boxed:
    """Run `command`, in which `{}` stands for the archive's path inside; it never raises for what ran."""
    inside = f"/in/{archive.name}"
    argv = [part.replace("{}", inside) for part in command]
    out, into = os.pipe()
    try:
        process = subprocess.Popen(
            [*_box(archive, inside, readable, environment or {}), *_metered(into), *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(into,),
            preexec_fn=lambda: _limit(seconds),
        )
    finally:
        os.close(into)
    with os.fdopen(out, "rb") as meter:
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            return Boxed(
                stdout=stdout, stderr=stderr, wall_s=seconds, cpu_s=seconds, failed="timed out"
            )
        said = meter.read(4096)
    if not said:
        return Boxed(stdout=stdout, stderr=stderr, wall_s=0, cpu_s=0, failed="the box failed")
    return Boxed(stdout=stdout, stderr=stderr, **json.loads(said))


def _metered(into: int) -> list[str]:
    return [PYTHON, "-IS", "-c", METER, str(into)]


def _limit(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _box(
    archive: Path, inside: str, readable: Sequence[Path], environment: dict[str, str]
) -> list[str]:
    box = [BWRAP, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    box += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    known = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - the box's
    for name, value in (known | {"PYTHONDONTWRITEBYTECODE": "1"} | environment).items():
        box += ["--setenv", name, value]
    box += ["--ro-bind", "/usr", "/usr"]
    for link in ("bin", "lib", "lib64"):
        box += ["--symlink", f"usr/{link}", f"/{link}"]
    # The box's own /tmp first: what is readable may lie below the machine's.
    box += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - the box's own
    for path in (CERTIFICATES, *readable):
        box += ["--ro-bind", str(path), str(path)]
    return [*box, "--ro-bind", str(archive), inside, "--chdir", "/tmp", "--"]  # noqa: S108
