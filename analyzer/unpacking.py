"""What the readers of archives share: bounds, flaws, names, members. Below `unpack`, zip and tar alike.

Standard library only, since this runs in the reader box.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from analyzer.clean import printable
from analyzer.flaws import FLAWS

MIB = 1024 * 1024
CHUNK_BYTES = 256 * 1024
"""Bytes of one piece of a member's content."""
FLAWS_MAX = 100
"""Flaws kept; the rest are only counted."""
LINK_BYTES_MAX = 4096
"""Bytes of a link's target: Linux's PATH_MAX."""

_WINDOWS = re.compile(
    r"(?:^|/)(?:(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.[^/]*)?|[^/]*[^/.][. ]+|[^/]*:[^/]*)(?:/|\Z)",
    re.IGNORECASE,
)
"""Names that Windows reads otherwise: devices, a dot or space at the end, another stream (`:`)."""

ArchiveKind = Literal["wheel", "sdist"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an archive may be. The largest artifacts on PyPI stay below each."""

    members: int = 100_000
    """Members; wheels with 30,000 files exist."""
    member_bytes: int = 1024 * MIB
    """Unpacked bytes of one member; shared objects of GPU builds approach it."""
    total_bytes: int = 2048 * MIB
    """Unpacked bytes of all members: what a box may be given (`sandbox.protocol`)."""
    ratio: int = 200
    """Unpacked to packed bytes. Deflate reaches 1,032; real artifacts stay below 60."""
    ratio_floor_bytes: int = 64 * MIB
    """Below this many unpacked bytes the ratio does not matter."""
    depth: int = 40
    """Path segments."""
    name_chars: int = 1024
    segment_chars: int = 255
    """Characters of one path segment: NAME_MAX of Linux file systems."""
    directory_bytes: int = 64 * MIB
    """Bytes of a zip's central directory, and of one tar extension header."""


DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something wrong with the artifact; `id` is a key of `flaws.FLAWS`."""

    id: str
    path: str = ""
    detail: str = ""


class Refused(Exception):
    """Inside the reader only: the archive is not read any further. The flaw is already noted."""


@dataclass(slots=True)
class Notes:
    """Where a reader notes flaws, and how much was unpacked so far."""

    bounds: Bounds
    packed_bytes: int
    flaws: list[Flaw] = field(default_factory=list)
    more: int = 0
    refused: bool = False
    unpacked_bytes: int = 0
    repeated: set[str] = field(default_factory=set)
    """Names that a tar gives to several members; whoever reads the contents compares them."""

    def add(self, flaw_id: str, path: str = "", detail: str = "") -> None:
        """Note a flaw; its table entry says whether it refuses the archive."""
        self.refused = self.refused or FLAWS[flaw_id].refuses
        if len(self.flaws) < FLAWS_MAX:
            self.flaws.append(Flaw(id=flaw_id, path=printable(path), detail=printable(detail)))
        else:
            self.more += 1

    def refuse(self, flaw_id: str, path: str = "", detail: str = "") -> Refused:
        """Note a flaw that ends the reading; `raise` what this gives."""
        self.add(flaw_id, path, detail)
        self.refused = True
        return Refused(flaw_id)

    def count(self, size: int, path: str) -> None:
        """Add unpacked bytes. Raises Refused beyond the bounds."""
        self.unpacked_bytes += size
        bounds = self.bounds
        if self.unpacked_bytes > bounds.total_bytes:
            raise self.refuse("archive-too-large", path)
        ceiling = max(bounds.ratio_floor_bytes, bounds.ratio * self.packed_bytes)
        if self.unpacked_bytes > ceiling:
            raise self.refuse("archive-bomb", path)


@dataclass(slots=True)
class Member:
    """One file or link of an archive. Its content must be taken before the next member is."""

    path: str
    """Relative, with `/`, without `.` segments."""
    size_bytes: int
    mode: int = 0
    link: str | None = None
    """The target, where the member is a symbolic or hard link (inside the tree)."""
    open: Callable[[], Iterator[bytes]] = lambda: iter(())
    whole: bool = True
    """False once reading its content has failed."""


class NameBook:
    """Judges every member's name against the bounds and all names before it."""

    def __init__(self, notes: Notes, *, repeats: bool = False) -> None:
        """`repeats`: a second member of one name is no flaw by itself, as in a tar."""
        self._notes = notes
        self._repeats = repeats
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._folded: set[str] = set()
        self._count = 0

    def enter(self, raw: str, *, folder: bool = False) -> str | None:
        """The clean relative path of a member; None where it is the root or not usable."""
        self._count += 1
        if self._count > self._notes.bounds.members:
            raise self._notes.refuse("archive-too-many-members")
        path = self._clean(raw, folder=folder)
        if path is None:
            return None
        parents = _parents(path)
        if folder:
            self._folders.add(path)
        else:
            self._enter_file(path)
        self._folders.update(parents)
        if not self._files.isdisjoint(parents) or (folder and path in self._files):
            self._notes.add("archive-name-conflict", path)
        return path

    def _enter_file(self, path: str) -> None:
        folded = unicodedata.normalize("NFC", path).casefold()
        if path in self._files and self._repeats:
            self._notes.repeated.add(path)
        elif path in self._files:
            self._notes.add("archive-duplicate", path)
        elif folded in self._folded:
            self._notes.add("archive-name-collision", path)
        if path in self._folders:
            self._notes.add("archive-name-conflict", path)
        self._files.add(path)
        self._folded.add(folded)

    def _clean(self, raw: str, *, folder: bool) -> str | None:
        notes, bounds = self._notes, self._notes.bounds
        if len(raw) > bounds.name_chars:
            raise notes.refuse("archive-name-too-long", raw)
        if "\0" in raw or (len(raw) > 1 and raw[1] == ":" and raw[0].isalpha()):
            raise notes.refuse("archive-name-invalid", raw)
        if raw.startswith(("/", "\\")):
            raise notes.refuse("archive-absolute-name", raw)
        if ".." in raw.replace("\\", "/").split("/"):
            raise notes.refuse("archive-traversal", raw)
        if "\\" in raw:
            notes.add("archive-name-backslash", raw)
        if not raw.isprintable():
            notes.add("archive-name-unprintable", raw)
        if _WINDOWS.search(raw):
            notes.add("archive-name-windows", raw)
        segments = [part for part in raw.split("/") if part not in ("", ".")]
        if not segments:
            if not folder:
                notes.add("archive-name-invalid", raw)
            return None
        if len(segments) > bounds.depth:
            raise notes.refuse("archive-too-deep", raw)
        if max(map(len, segments)) > bounds.segment_chars:
            raise notes.refuse("archive-name-too-long", raw)
        return "/".join(segments)


def link_leaves(path: str, target: str, *, from_root: bool) -> bool:
    """Whether a link at `path` to `target` points outside. `from_root`: a tar hard link's way."""
    if not target or target.startswith(("/", "\\")) or "\0" in target or target[1:2] == ":":
        return True
    depth = 0 if from_root else path.count("/")
    for part in target.replace("\\", "/").split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False


def _parents(path: str) -> list[str]:
    found = []
    while "/" in path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found
