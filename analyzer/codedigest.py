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


def wheel_code_digest(hashes: Mapping[str, str], *, native: Container[str]) -> str:
    """`sha256:…` over the place and hash of each code file; empty where the wheel has none.

    `hashes`: hex sha256 by the member's path; `native`: paths of native files, which leave only
    scripts out. Places are where files land, whichever version and scheme says so.
    """
    lines = []
    for path, digest in hashes.items():
        place = _place(path, native)
        if place:
            lines.append(f"{digest}  {place}\n")
    if not lines:
        return ""
    text = "".join(sorted(lines))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place(path: str, native: Container[str]) -> str:
    """Where a code file lands; empty for one that is no code."""
    script = _SCRIPT.match(path)
    if script:
        return "" if path in native else f"scripts/{script['name']}"
    if _ENTRY_POINTS.match(path):
        return "entry_points.txt"
    if not path.lower().endswith(CODE_SUFFIXES):
        return ""
    landed = metadata.site_path(path)
    return f"site/{landed}" if landed else path.partition(".data/")[2]
