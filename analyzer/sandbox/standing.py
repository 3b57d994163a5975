"""How boxes stand on this machine: what is really limited, what only stands in, and the way in.

For `pratique doctor`, beside `requirements` (without which there are no boxes at all). Looks only:
starts nothing but an `unshare` probe in a child, and changes nothing.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.sandbox import boxes, cgroups, kernelcalls, layout, requirements, variations
from analyzer.sandbox.cgroups import Trees

CMDLINES = (Path("/boot/firmware/cmdline.txt"), Path("/boot/cmdline.txt"))
"""Where Raspberry Pi OS keeps the kernel's command line: since Debian 12, and before."""
MEMORY_SMALL_BYTES = 2 << 30
"""Bytes of memory below which one box at a time is advised: a box may take 1 GiB, and its files."""
VERSION_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One fact. `real` False: it is not there, and `what` says what stands in."""

    what: str
    real: bool = True
    mend: str = ""


def standings(
    trees: Trees | None = None, *, pythons: tuple[str, ...] = (layout.PYTHON,)
) -> tuple[Standing, ...]:
    """All facts; `trees` and `pythons` (interpreters that boxes may run) default to this machine's."""
    found = trees if trees is not None else cgroups.look()
    return (
        *groups(found),
        way(allowed=may_make_user_namespaces()),
        *map(interpreter, pythons),
        faketime(variations.clock_library()),
        memory(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")),
    )


def groups(trees: Trees) -> Iterator[Standing]:
    """The mode, and for each limit whether it is one."""
    sources = {
        "v2": "limits and identity from the v2 tree",
        "hybrid": "limits from v1 trees, identity from the v2 tree",
        "v1": "limits from v1 trees; nothing to tell boxes apart by, so no trace",
        "none": "no limits, no identity, no trace",
    }
    yield Standing(
        what=f"control groups are {trees.mode}: {sources[trees.mode]}",
        real=trees.v2 is not None,
        mend="boot with systemd, or mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    )
    yield _memory_limit(trees)
    if trees.limits_pids:
        yield Standing(what="processes of a box are limited by its control group")
    else:
        yield Standing(
            what="processes are limited for each uid only (RLIMIT_NPROC stands in)",
            real=False,
            mend="boot a kernel with CONFIG_CGROUP_PIDS",
        )
    if trees.limits_cpu:
        yield Standing(what="processor time of a box is limited by its control group")
    else:
        yield Standing(
            what="processor time is not limited (the run's deadline stands in)",
            real=False,
            mend="boot a kernel with CONFIG_CFS_BANDWIDTH",
        )


def _memory_limit(trees: Trees) -> Standing:
    if trees.limits_memory:
        return Standing(what="memory of a box is limited by its control group")
    place = next((path for path in CMDLINES if path.exists()), None)
    where = f"the one line of {place}" if place else "the kernel's command line"
    return Standing(
        what="memory is limited for each process only (RLIMIT_AS stands in)",
        real=False,
        mend=f"add cgroup_enable=memory to {where}, and reboot",
    )


def way(*, allowed: bool) -> Standing:
    """How a box gives up root."""
    if allowed:
        return Standing(what="boxes are entered by user namespaces")
    if os.access(boxes.SETPRIV, os.X_OK):
        return Standing(
            what="boxes are entered by setpriv, for ordinary users may not make user namespaces"
        )
    return Standing(
        what="there is no way into a box: neither user namespaces nor setpriv",
        real=False,
        mend="apt install util-linux",
    )


def may_make_user_namespaces() -> bool:
    """Whether somebody who is not root can."""
    return requirements.can_unshare(kernelcalls.CLONE_NEWUSER, drop=True)


def interpreter(path: str) -> Standing:
    """An interpreter that boxes may run."""
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            check=True,
            env={},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Standing(
            what=f"boxes cannot run {path} ({type(error).__name__})",
            real=False,
            mend="apt install --reinstall python3",
        )
    return Standing(what=f"boxes can run Python {done.stdout.strip()} ({path})")


def faketime(library: Path | None) -> Standing:
    """Whether P5 can move a package's clock."""
    if library is not None:
        return Standing(what=f"the clock of a package's second start is weeks ahead ({library})")
    return Standing(
        what="the clock of a package's second start is the machine's (P5 waits in real time only)",
        real=False,
        mend="apt install libfaketime",
    )


def memory(total_bytes: int) -> Standing:
    """Whether there is room for more than one box."""
    mib = total_bytes >> 20
    if total_bytes >= MEMORY_SMALL_BYTES:
        return Standing(what=f"there is memory for boxes side by side ({mib} MiB)")
    return Standing(
        what=f"{mib} MiB of memory hold one box at a time",
        real=False,
        mend="start with --boxes 1 (docs/raspberry-pi.md)",
    )
