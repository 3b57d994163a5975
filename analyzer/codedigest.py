"""The digest of a wheel's code without its native parts: equal in wheels that differ by platform alone.

Standard library only, and pure: the reader box computes it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Mapping

from analyzer import metadata

CODE_SUFFIXES = (".py", ".pyc", ".pyw", ".pth", ".start")
"""What an interpreter runs, or reads at its start; `sitecustomize` and its like are among them."""
MAGIC_BYTES = 4
_MAGIC = (
    b"\x7fELF",
    b"MZ",  # Windows
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    b"\xca\xfe\xba\xbe",  # macOS, several architectures
)
_SCRIPT = re.compile(r"[^/]+\.data/(?:scripts|data/(?:bin|Scripts))/(?P<name>.+)\Z")
_ENTRY_POINTS = re.compile(r"[^/]+\.dist-info/entry_points\.txt\Z")


def is_native(head: bytes) -> bool:
    """Whether a file is an executable or library of some platform, by its first MAGIC_BYTES."""
    return head.startswith(_MAGIC)


class TextHash:
    """The sha256 of a text whose lines may end in CR LF or LF: to Python both are one.

    Wheels that are built on Windows often have CR LF in files that come out of git.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._open = False

    def update(self, piece: bytes) -> None:
        """Take the next piece of the file."""
        text = b"\r" + piece if self._open else piece
        self._open = text.endswith(b"\r")
        self._digest.update((text[:-1] if self._open else text).replace(b"\r\n", b"\n"))

    def hexdigest(self) -> str:
        """The digest of all that was taken; no more is, afterwards."""
        if self._open:
            self._digest.update(b"\r")
            self._open = False
        return self._digest.hexdigest()


def is_code(path: str) -> bool:
    """Whether a wheel's member counts, unless it is a native script."""
    return _place(path) != ""


def wheel_code_digest(hashes: Mapping[str, str], *, native: Container[str]) -> str:
    """`sha256:…` over the place and hash of each code file; empty where the wheel has none.

    `hashes`: hex digest (of text a TextHash) by the path of each member that `is_code`; `native`: paths of
    native files, which leave only scripts out. Places are where files land, whichever version and
    scheme says so.
    """
    lines = [
        f"{digest}  {_place(path)}\n"
        for path, digest in hashes.items()
        if not (_SCRIPT.match(path) and path in native)
    ]
    if not lines:
        return ""
    text = "".join(sorted(lines))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place(path: str) -> str:
    """Where a code file lands; empty for one that is no code."""
    script = _SCRIPT.match(path)
    if script:
        return f"scripts/{script['name']}"
    if _ENTRY_POINTS.match(path):
        return "entry_points.txt"
    if not path.lower().endswith(CODE_SUFFIXES):
        return ""
    landed = metadata.site_path(path)
    return f"site/{landed}" if landed else path.partition(".data/")[2]
