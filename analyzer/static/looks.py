"""A bounded look at members that are no Python source, taken while they stream past.

What is kept of a member is a handful of words, and only where they matter: an archive may have a
hundred thousand members. Standard library only: this runs in the reader box.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

HEAD_BYTES = 64 * 1024
"""Bytes of a member's beginning that are looked at."""
SAMPLE_BYTES = 16 * 1024
"""Bytes of it that are tried to compress."""
SAMPLES_MAX = 200
"""Members of one artifact whose bytes are weighed (compressed, searched for encoded text)."""
SEARCHED_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of one media file that are searched for an executable behind or inside it."""
SEEN_MAX = 2_000
"""Members of one artifact that are remembered for what they are."""
WEIGHED_BYTES_MIN = 4 * 1024
"""Smaller members are not weighed: a key or a hash is as random as a payload."""
_OVERLAP_BYTES = 1024
_RANDOM_PERCENT = 99
"""A sample that deflate cannot make smaller than this, in percent, has no structure left."""

MEDIA = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ico", ".webp", ".svg", ".tif", ".tiff"),
        *(
            ".wav",
            ".mp3",
            ".ogg",
            ".flac",
            ".mp4",
            ".avi",
            ".pdf",
            ".ttf",
            ".otf",
            ".woff",
            ".woff2",
        ),
    )
)
TEXT = frozenset(
    (
        *(".txt", ".md", ".rst", ".cfg", ".ini", ".toml", ".yaml", ".yml", ".json", ".csv", ".xml"),
        *(".html", ".css", ".log", ".typed", ".pyi", ".po", ".in"),
    )
)
"""Files that people take for text: an executable under such a name is a disguise."""
SCRIPTS = {
    ".ps1": "powershell",
    ".psm1": "powershell",
    ".bat": "batch",
    ".cmd": "batch",
    ".vbs": "vbscript",
    ".vbe": "vbscript",
    ".wsf": "vbscript",
    ".hta": "hta",
    ".jse": "jscript",
    ".scr": "screensaver",
    ".lnk": "shortcut",
    ".sh": "shell",
}
_WEIGHED = frozenset(
    ("", ".dat", ".bin", ".enc", ".data", ".txt", ".tmp", ".log", ".db", ".key", ".b64")
)
_ARCHIVE_SUFFIXES = (
    ".whl",
    ".egg",
    ".tar.gz",
    ".tgz",
    ".zip",
    ".jar",
    ".7z",
    ".rar",
    ".tar.xz",
    ".tar.bz2",
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "elf"),
    (b"\xfe\xed\xfa\xce", "mach-o"),
    (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\xce\xfa\xed\xfe", "mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x89PNG", "media"),
    (b"\xff\xd8\xff", "media"),
    (b"GIF8", "media"),
    (b"RIFF", "media"),
    (b"OggS", "media"),
    (b"ID3", "media"),
    (b"%PDF", "media"),
    (b"wOF", "media"),
    (b"SQLite format 3", "data"),
    (b"\x89HDF", "data"),
    (b"\x93NUMPY", "data"),
    (b"PAR1", "data"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x02", "pickle"),
)
EXECUTABLES = frozenset(("elf", "pe", "mach-o"))
ARCHIVES = frozenset(("zip", "gzip", "bzip2", "xz", "7z", "rar", "zstd"))
_PE_STUB = b"This program cannot be run in DOS mode"
_ELF_INSIDE = re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01[\x00-\x12]\x00{7}")
"""An ELF identification whole (e_ident, System V gABI): by chance once in 2^80 bytes."""
_ENCODED = re.compile(rb"[A-Za-z0-9+/]{4096}|(?:[A-Za-z0-9+/]{60,76}\r?\n){64}")
_NATIVE_MARKS = (
    (b"mypyc", "mypyc"),
    (b"__pyx_", "cython"),
    (b"cython", "cython"),
    (b"nuitka", "nuitka"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one member is, in words of ours; `path` is the artifact's."""

    path: str
    size_bytes: int
    kind: str = ""
    """`elf`, `pe`, `mach-o`, an archive's kind, `bytecode`, `script`, …; empty: nothing known."""
    inside: str = ""
    """The kind of an executable that lies behind its beginning."""
    made_by: str = ""
    """Of a native module: the compiler of Python sources that left its mark in it."""
    flavour: str = ""
    """`dotnet` or `go` of an executable, `jar` of an archive, the language of a script."""
    weight: str = ""
    """`random` or `encoded`, where its bytes were weighed and are so."""
    header: bytes = b""
    """The first 16 bytes of bytecode (PEP 552)."""


@dataclass(slots=True)
class Look:
    """The look at one member: fed its pieces, then asked what it is."""

    path: str
    suffix: str
    weigh: bool
    head: bytes = b""
    size_bytes: int = 0
    _inside: str = ""
    _made_by: str = ""
    _tail: bytes = b""

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        if self.suffix in MEDIA and not self._inside and self.size_bytes < SEARCHED_BYTES_MAX:
            self._search(piece)
        elif self.suffix in (".so", ".pyd") and not self._made_by:
            self._made_by = next((name for mark, name in _NATIVE_MARKS if mark in piece), "")
        self.size_bytes += len(piece)

    def _search(self, piece: bytes) -> None:
        text = self._tail + piece
        if _PE_STUB in text:
            self._inside = "pe"
        elif _ELF_INSIDE.search(text):
            self._inside = "elf"
        self._tail = text[-_OVERLAP_BYTES:]

    def seen(self) -> Seen | None:
        """What it is; None where there is nothing to say of it."""
        kind = kind_of_bytes(self.head)
        if self.suffix in (".pyc", ".pyo"):
            return self._as("bytecode", header=self.head[:16])
        if kind in EXECUTABLES:
            return self._as(kind, flavour=_flavour(kind, self.head), made_by=self._made_by)
        if self._inside:
            return self._as(kind, inside=self._inside)
        if kind in ARCHIVES and self.path.lower().endswith(_ARCHIVE_SUFFIXES):
            return self._as(kind, flavour="jar" if self.suffix == ".jar" else "")
        if self.suffix in SCRIPTS:
            return self._as("script", flavour=SCRIPTS[self.suffix])
        weight = self._weight() if self.weigh and not kind else ""
        return self._as(kind, weight=weight) if weight else None

    def _as(
        self,
        kind: str,
        *,
        flavour: str = "",
        inside: str = "",
        made_by: str = "",
        weight: str = "",
        header: bytes = b"",
    ) -> Seen:
        return Seen(
            path=self.path,
            size_bytes=self.size_bytes,
            kind=kind,
            flavour=flavour,
            inside=inside,
            made_by=made_by,
            weight=weight,
            header=header,
        )

    def _weight(self) -> str:
        if self.size_bytes < WEIGHED_BYTES_MIN or self.suffix not in _WEIGHED:
            return ""
        sample = self.head[:SAMPLE_BYTES]
        if len(zlib.compress(sample, 1)) * 100 >= len(sample) * _RANDOM_PERCENT:
            return "random"
        return "encoded" if _ENCODED.search(self.head) else ""


@dataclass(slots=True)
class Looks:
    """All members of one artifact that were worth remembering, and how many were not."""

    seen: list[Seen] = field(default_factory=list)
    more: int = 0
    _weighed: int = 0

    def begin(self, path: str) -> Look | None:
        """A look at the member, unless it is Python source (which others read whole)."""
        leaf = path.rpartition("/")[2].lower()
        suffix = "." + leaf.rpartition(".")[2] if "." in leaf.lstrip(".") else ""
        if suffix in (".py", ".pyw"):
            return None
        weigh = suffix in _WEIGHED and self._weighed < SAMPLES_MAX and ".dist-info/" not in path
        self._weighed += weigh
        return Look(path=path, suffix=suffix, weigh=weigh)

    def end(self, look: Look) -> None:
        """Remember what it is, where that matters."""
        seen = look.seen()
        if seen is None:
            return
        if len(self.seen) < SEEN_MAX:
            self.seen.append(seen)
        else:
            self.more += 1


def kind_of_bytes(head: bytes) -> str:
    """What a file is by its first bytes; empty where they are nothing that we know."""
    if head[:2] == b"MZ":
        at = int.from_bytes(head[60:64], "little")
        whole = head[at : at + 4] == b"PE\0\0" or _PE_STUB in head[:512]
        return "pe" if whole else ""
    if head[:4] == b"\xca\xfe\xba\xbe":
        # Both a universal Mach-O (few architectures) and a Java class (version 45 and later).
        return "mach-o" if int.from_bytes(head[4:8], "big") < 40 else "java"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


def _flavour(kind: str, head: bytes) -> str:
    if kind == "pe" and (b"mscoree.dll" in head or b"BSJB" in head):
        return "dotnet"
    return "go" if b"Go build ID" in head or b"\xff Go buildinf:" in head else ""
