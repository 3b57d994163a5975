"""What bubblewrap is told: one box as a value, and its argument vector. Nothing is run here.

Two ways into a box. `USERNS` (the rule): the spawner gives up root first, then bwrap makes a user
namespace as that ordinary uid. `SETPRIV` (where the system forbids ordinary users that, as
Ubuntu's AppArmor does): bwrap stays root without a user namespace, keeps three capabilities,
and setpriv gives up the uid and all of them before the command.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from analyzer.sandbox import layout

BWRAP = "/usr/bin/bwrap"
SETPRIV = "/usr/bin/setpriv"
HOSTNAME = "localhost"
"""Of a box that is nobody's; each run has a name of its own, for a fixed one would tell what it is."""
_MACHINES = ("dell", "desktop", "laptop", "thinkpad", "vm")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64")
_MASKED = (
    "/proc/kallsyms",
    "/proc/keys",
    "/proc/key-users",
    "/proc/config.gz",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/modules",
)
"""Files of /proc that tell about the host; unreadable in a box."""
_NOISE = ("/usr/bin/lsb_release",)
"""pip runs it to describe the system: eight processes of noise in every trace of an sdist."""


class Way(StrEnum):
    """How a box becomes unprivileged."""

    USERNS = "userns"
    SETPRIV = "setpriv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A bind of a host path (only ever one of our own making, or /usr) into the box."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A file whose content bwrap reads from an inherited descriptor (boxes of ordinary users)."""

    descriptor: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box. `network` True: it lives in the namespace that the spawner stepped into."""

    command: tuple[str, ...]
    mounts: tuple[Mount, ...]
    cwd: str
    way: Way = Way.USERNS
    uid: int = layout.BOX_UID
    """The uid seen inside (USERNS), or the real one (SETPRIV)."""
    network: bool = False
    tmpfs_bytes: int = 0
    """Where no run directory can be mounted: size of the box's own /tmp; 0: /tmp is a mount."""
    data: tuple[Data, ...] = ()
    hostname: str = HOSTNAME


def make_hostname(source: random.Random) -> str:
    """A name such as people, offices and container engines give to machines; without dots."""
    number = source.randrange(10_000)
    shapes = (
        f"ws-{number:04}",
        f"dev{number % 90 + 10}",
        f"ip-10-{number % 256}-{source.randrange(256)}-{source.randrange(1, 255)}",
        f"{source.choice(('anna', 'build', 'ci', 'mike', 'runner'))}-{source.choice(_MACHINES)}",
        f"{source.getrandbits(48):012x}",
    )
    return source.choice(shapes)


def bwrap_arguments(box: Box) -> tuple[str, ...]:
    """All of bwrap's arguments, for `--args`: options, then the command."""
    return (
        *_isolation(box),
        *_system(),
        *_mounts(box),
        *_hidden(),
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
        "--chdir",
        box.cwd,
    )


def command_line(box: Box) -> tuple[str, ...]:
    """The argument vector that the spawner executes.

    bwrap's options come by descriptor, so that a box does not read paths of the host in the command
    line of its first process.
    """
    command = box.command
    if box.way is Way.SETPRIV:
        identity = (f"--reuid={box.uid}", f"--regid={box.uid}", "--clear-groups")
        nothing = ("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
        command = (SETPRIV, *identity, *nothing, *command)
    return (BWRAP, "--args", str(layout.ARGS_FD), *command)


def encode_arguments(arguments: tuple[str, ...]) -> bytes:
    """The form that `bwrap --args FD` reads: NUL after each."""
    return b"".join(argument.encode() + b"\0" for argument in arguments)


def _isolation(box: Box) -> tuple[str, ...]:
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if box.way is Way.USERNS:
        arguments += ["--unshare-user", "--disable-userns"]
        arguments += ["--uid", str(box.uid), "--gid", str(box.uid), "--cap-drop", "ALL"]
    else:
        arguments += ["--cap-drop", "ALL"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):  # what setpriv gives up
            arguments += ["--cap-add", capability]
    if not box.network:
        arguments.append("--unshare-net")
    arguments += ["--hostname", box.hostname, "--new-session", "--die-with-parent"]
    return (*arguments, "--seccomp", str(layout.SECCOMP_FD))


def _system() -> tuple[str, ...]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _MERGED:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), f"/{name}"]
        elif path.is_dir():
            arguments += ["--ro-bind", f"/{name}", f"/{name}"]
    return (*arguments, "--proc", "/proc", "--dev", "/dev")


def _mounts(box: Box) -> tuple[str, ...]:
    arguments: list[str] = []
    if box.tmpfs_bytes:
        for target in ("/tmp", "/dev/shm"):
            arguments += ["--perms", "1777", "--size", str(box.tmpfs_bytes), "--tmpfs", target]
    for folder in _folders(box.mounts):
        arguments += ["--perms", "0755", "--dir", folder]
    for mount in box.mounts:
        arguments += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    for number, data in enumerate(box.data, layout.DATA_FD):
        arguments += ["--ro-bind-data", str(number), data.target]
    return tuple(arguments)


def _folders(mounts: tuple[Mount, ...]) -> tuple[str, ...]:
    """Folders above mounts that no mount brings along, all with mode 0755.

    bwrap makes them for root alone, and without a user namespace the box's user is not root: it
    could not reach its home.
    """
    targets = {Path(mount.target) for mount in mounts}
    above = {folder for target in targets for folder in target.parents if folder.name}
    missing = (f for f in above if not targets & {f, *f.parents})
    return tuple(sorted(str(folder) for folder in missing))


def _hidden() -> tuple[str, ...]:
    arguments: list[str] = []
    for path in (*_MASKED, *_NOISE):
        if Path(path).exists():
            arguments += ["--ro-bind", "/dev/null", path]
    return tuple(arguments)
