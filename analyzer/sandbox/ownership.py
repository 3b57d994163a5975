"""Whether the code that runs as root is root's own. A daemon whose code others can write is theirs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

PARTS = ("analyzer/__init__.py", "analyzer/sandbox", "analyzer/trace")
"""What the daemon imports, and the runner's scripts."""


class CodeUnsafe(Exception):
    """Somebody but root can change the daemon's code."""


def require_safe(root: Path) -> None:
    """Raise CodeUnsafe unless root alone can change our code below `root`, if we are root."""
    if os.geteuid() != 0:
        return
    for path in _paths(root):
        problem = writable_by_others(path)
        if problem:
            raise CodeUnsafe(
                f"{path} {problem}, so the sandbox daemon will not run as root. "
                "Install Pratique as root, in a folder that only root can write to."
            )


def _paths(root: Path) -> Iterator[Path]:
    for part in PARTS:
        top = root / part
        yield top
        if top.is_dir():
            yield from top.rglob("*")
        yield from top.parents


def writable_by_others(path: Path) -> str:
    """Why somebody but root could replace `path` or what is in it; empty: nobody can."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "is a symbolic link"
    if status.st_uid != 0:
        return f"belongs to uid {status.st_uid}"
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & stat.S_IWOTH and not sticky:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0 and not sticky:
        return f"can be written by group {status.st_gid}"
    return ""
