"""Taking the network away from this process, and noticing that whoever started it is gone."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
"""From linux/sched.h; `os.unshare` comes with Python 3.12."""


def drop_network() -> bool:
    """Move into an empty network namespace; False where this process may not.

    Sockets in the file system still work: they belong to the file system, not to a network. Must
    be called while there is one thread.
    """
    if _has_no_network():
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    return int(libc.unshare(flags)) == 0


def _has_no_network() -> bool:
    """Whether there is nothing but a loopback here already."""
    return [name for _, name in socket.if_nameindex()] in ([], ["lo"])


class Watch:
    """Whether there is still a reason to live: the parent lives and the socket is where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parent = os.getppid()
        self._inode = _inode(path)

    def over(self) -> str:
        """Why this process should end; empty while it should not."""
        if os.getppid() != self._parent:
            return "parent_gone"
        if _inode(self._path) != self._inode:
            return "socket_gone"
        return ""

    def remove_socket(self) -> None:
        """Take the socket away, unless it is another's by now."""
        if _inode(self._path) == self._inode:
            self._path.unlink(missing_ok=True)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
