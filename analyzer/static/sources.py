"""The Python sources of one artifact, kept while its members stream past, within bounds.

Standard library only: this runs in the reader box.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SOURCE_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of one source file that is kept; generated tables on PyPI reach 5 MiB."""
SOURCES_BYTES_MAX = 96 * 1024 * 1024
"""Bytes of all kept sources; the largest honest wheels have 60 MiB of Python."""
SUFFIXES = (".py", ".pyw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What else of the artifact says which code runs when."""

    kind: str
    """`wheel` or `sdist`."""
    top: str = ""
    """The folder of an sdist that everything lies in."""
    name: str = ""
    version: str = ""
    hooks: tuple[tuple[str, bytes], ...] = ()
    """Path and content of each `.pth` and `.start` file."""
    entry_points: tuple[tuple[str, str], ...] = ()
    """Group and target (`module:function`) of each."""
    pyproject: bytes = b""
    setup_cfg: bytes = b""


@dataclass(slots=True)
class Sources:
    """Path → bytes of the Python sources, in the archive's order."""

    files: dict[str, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Paths of sources beyond a bound."""
    held_bytes: int = 0
    code_bytes: int = 0

    def keep_bytes(self, path: str) -> int:
        """How many bytes of a member are worth keeping: 0 of what is no Python source."""
        return SOURCE_BYTES_MAX if path.lower().endswith(SUFFIXES) else 0

    def add(self, path: str, data: bytes | None, size: int) -> None:
        """Take one member; `data` None: it was too long to keep."""
        if not path.lower().endswith(SUFFIXES):
            return
        self.code_bytes += size
        if data is None or self.held_bytes + len(data) > SOURCES_BYTES_MAX:
            self.left.append(path)
            return
        self.held_bytes += len(data)
        self.files[path] = data
