"""What this machine lacks for boxes, each with the command that mends it. For `pratique doctor`.

Looks only; starts nothing but `unshare` probes in a child, and changes nothing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox import boxes, cgroups, kernelcalls, layout, ownership, seccomp

KERNEL_MIN = (5, 14)
"""cgroup.kill came with 5.14, SK_LOOKUP with 5.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that is not there. `needed_for`: `read` (all boxes) or `run` (behaviour)."""

    what: str
    needed_for: str
    mend: str


def missing_pieces(code_root: Path | None = None) -> tuple[Missing, ...]:
    """Everything that is missing; empty: this process may make every kind of box."""
    root = code_root or Path(__file__).resolve().parents[2]
    found = [check() for check in _CHECKS]
    return tuple(piece for piece in (*found, _code(root)) if piece is not None)


def _bwrap() -> Missing | None:
    if os.access(boxes.BWRAP, os.X_OK):
        return None
    return Missing(
        what="bubblewrap is not installed", needed_for="read", mend="apt install bubblewrap"
    )


def _python() -> Missing | None:
    if not os.access(layout.PYTHON, os.X_OK):
        return Missing(
            what=f"{layout.PYTHON} is not there", needed_for="read", mend="apt install python3"
        )
    return None


def _setpriv() -> Missing | None:
    if os.access(boxes.SETPRIV, os.X_OK) or can_unshare(kernelcalls.CLONE_NEWUSER, drop=True):
        return None
    return Missing(
        what="ordinary users may not make user namespaces, and setpriv is not there",
        needed_for="read",
        mend="apt install util-linux, or sysctl kernel.unprivileged_userns_clone=1",
    )


def _machine() -> Missing | None:
    if platform.machine() in seccomp.MACHINES:
        return None
    return Missing(
        what=f"there is no system call table for {platform.machine()}",
        needed_for="read",
        mend="use x86_64 or aarch64",
    )


def _kernel() -> Missing | None:
    numbers = platform.release().split("-")[0].split(".")[:2]
    if all(n.isdigit() for n in numbers) and tuple(map(int, numbers)) >= KERNEL_MIN:
        return None
    return Missing(
        what=f"Linux {platform.release()} is older than 5.14",
        needed_for="run",
        mend="boot a newer kernel (Debian 12 has 6.1)",
    )


def _root() -> Missing | None:
    if os.geteuid() == 0:
        return None
    return Missing(
        what="the sandbox daemon does not run as root",
        needed_for="run",
        mend="start `pratique serve` as root (everything else drops root), or use the unit files",
    )


def _trees() -> Missing | None:
    if not any((cgroups.ROOT / name).exists() for name in ("unified", "cgroup.controllers")):
        return Missing(
            what="there is no cgroup v2 tree",
            needed_for="run",
            mend="mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified, or boot with systemd",
        )
    return None


def _netns() -> Missing | None:
    if os.geteuid() != 0 or can_unshare(kernelcalls.CLONE_NEWNET, drop=False):
        return None
    return Missing(
        what="network namespaces cannot be made",
        needed_for="run",
        mend="give the daemon CAP_SYS_ADMIN and CAP_NET_ADMIN",
    )


def _code(root: Path) -> Missing | None:
    try:
        ownership.require_safe(root)
    except ownership.CodeUnsafe as error:
        return Missing(what=str(error), needed_for="run", mend=f"chown -R root:root {root}")
    return None


def can_unshare(flags: int, *, drop: bool) -> bool:
    """Whether a child, as `nobody` where `drop`, can make a namespace."""
    pid = os.fork()
    if pid == 0:
        try:
            if drop and os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            kernelcalls.unshare(flags)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


_CHECKS: tuple[Callable[[], Missing | None], ...] = (
    _machine,
    _python,
    _bwrap,
    _setpriv,
    _root,
    _kernel,
    _trees,
    _netns,
)
