"""Who runs as whom: the uids of the processes, and how a child is started as one of them."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The uids that processes drop to. Each has a group of the same number.

    Numbers without names, so that nothing has to be added to the machine's user list; boxes and
    their sinkholes use the uids from `boxes` on.
    """

    proxy: int
    judge: int
    worker: int
    boxes: int

    @classmethod
    def from_base(cls, uid_base: int) -> Roles:
        """The roles at their places after `uid_base`."""
        return cls(proxy=uid_base, judge=uid_base + 1, worker=uid_base + 2, boxes=uid_base + 8)


def is_root() -> bool:
    """Whether this process may change its uid."""
    return os.geteuid() == 0


def child_setup(
    uid: int | None, *, groups: tuple[int, ...] = (), network: bool = True
) -> Callable[[], None]:
    """What a child does between fork and exec: drop to `uid`, and die with its parent.

    `uid` None keeps the uid. Without `network` it gets an empty network namespace, where this
    process may make one. The parent-death signal is set after the drop, which would clear it.
    """

    def setup() -> None:
        if not network and uid is not None and _LIBC.unshare(_CLONE_NEWNET) != 0:
            os._exit(os.EX_OSERR)
        if uid is not None:
            drop_to(uid, groups=groups)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return setup


def drop_to(uid: int, *, groups: tuple[int, ...] = ()) -> None:
    """Become `uid` for good: real, effective and saved, with no way back through setuid files."""
    os.setgroups(list(groups))
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def own_folder(path: Path, *, uid: int | None, mode: int, group: int | None = None) -> None:
    """Make `path` with `mode`, owned by `uid` where this process is root."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if uid is not None and is_root():
        os.chown(path, uid, uid if group is None else group)


def owner_of(path: Path) -> int:
    """The uid that owns `path`, or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return path.stat().st_uid


def become_owner_of(path: Path) -> None:
    """As root, become the owner of `path` (or of its nearest existing parent).

    The command line opens the server's store: what it creates must stay readable to the server.
    """
    if not is_root():
        return
    owner = owner_of(path)
    if owner != 0:
        os.environ["HOME"] = "/nonexistent"
        drop_to(owner)
