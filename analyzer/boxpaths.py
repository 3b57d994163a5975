"""Paths as a box sees them: made absolute, freed of detours, and told apart by whose they are."""

from __future__ import annotations

import os
import posixpath
import re

from analyzer.sandbox import layout

WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DETOUR = re.compile(r"proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?/(?:root|cwd)")
_WINDING = re.compile(r"//|/\.{1,2}(?:/|\Z)|\A/proc/|/\Z")
"""What a path has that is not yet in its plain form."""
_SITE = re.compile(r"/env/lib/python[0-9.]+/site-packages(?=/|\Z)")
SCRATCH = ("/tmp", "/dev", "/var/tmp", "/proc/self", "/run/user")  # noqa: S108 - names, not files
CACHE_DIR = f"{layout.HOME}/.cache"
CODE_SUFFIXES = (".py", ".pyc", ".pyo", ".so", ".pth")


def absolute(path: str, cwd: str = layout.WORK) -> str:
    """`path` without `..`, `//` and trips through /proc. Links are not followed: a trace has no files.

    A relative path is taken from `cwd`, the folder in which boxes start; a process that moved
    elsewhere is not tracked.
    """
    if not path:
        return ""
    if path.startswith("/") and _WINDING.search(path) is None:
        return path
    parts: list[str] = []
    for part in posixpath.join(cwd, path).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
            if part in ("root", "cwd") and _DETOUR.fullmatch("/".join(parts)):
                parts = [] if part == "root" else cwd.strip("/").split("/")
    return "/" + "/".join(parts)


def within(path: str, *folders: str) -> bool:
    """Whether an absolute path is one of `folders` or lies below one."""
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def in_site(path: str) -> bool:
    """Whether it lies where the artifact is installed."""
    return _SITE.match(path) is not None


def in_dependencies(path: str) -> bool:
    """Whether it lies where dependencies or build requirements are installed."""
    return within(path, layout.DEPS, layout.BUILD)


def is_bytecode(path: str) -> bool:
    """Whether it is a compiled module, or the temporary name one is written under."""
    return "/__pycache__" in path or path.endswith((".pyc", ".pyo")) or ".pyc." in path
