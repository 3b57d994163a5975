"""Where a relative path is: working directories and directory descriptors, followed through a trace.

A best effort from what is traced (opens, duplicates, chdir, fchdir, forks): a descriptor that came
over a socket or from fcntl is not known, and then the path stays as the call gave it.
"""

from __future__ import annotations

AT_FDCWD = 0xFFFFFF9C
"""-100 as the 32 bits of an int: relative to the working directory (fcntl.h)."""
LINEAGE_MAX = 64
"""Forks that are walked back in search of who opened a descriptor; a box holds at most 64 pids."""


class Whereabouts:
    """Directories of processes, by pid. Fed in order of time."""

    def __init__(self) -> None:
        self._working: dict[int, str] = {}
        self._opened: dict[int, dict[int, str]] = {}
        self._parents: dict[int, int] = {}

    def forked(self, parent: int, child: int) -> None:
        """A process began: it stands where its parent stood, and has what its parent had open."""
        self._parents[child] = parent
        self._working.pop(child, None)
        if parent in self._working:
            self._working[child] = self._working[parent]
        # A pid that is used again begins without what its former owner had opened.
        self._opened.pop(child, None)

    def opened(self, pid: int, descriptor: int, path: str) -> None:
        """A descriptor now stands for `path`; empty: for a socket, or something else without one."""
        self._opened.setdefault(pid, {})[descriptor] = path

    def moved(self, pid: int, path: str) -> None:
        """A process changed its working directory; a relative path that is not known is forgotten."""
        if path.startswith("/"):
            self._working[pid] = path
        else:
            self._working.pop(pid, None)

    def of_descriptor(self, pid: int, descriptor: int) -> str | None:
        """What `descriptor` stood for when it was last opened, by the process or a forebear."""
        for _ in range(LINEAGE_MAX):
            path = self._opened.get(pid, {}).get(descriptor)
            if path is not None or pid not in self._parents:
                return path
            pid = self._parents[pid]
        return None

    def absolute(self, pid: int, directory: int, path: str) -> str | None:
        """`path` from the directory it is relative to; None where that is not known.

        Not normalised: what `..` leads to depends on links that are not known here.
        """
        if path.startswith("/"):
            return path
        if directory & 0xFFFFFFFF == AT_FDCWD:
            base = self._working.get(pid)
        else:
            base = self.of_descriptor(pid, directory & 0xFFFFFFFF)
        if base is None or not base.startswith("/"):
            return None
        return f"{base.rstrip('/')}/{path}"
