"""The digest of a wheel's code without its native parts: equal in wheels that differ by platform alone.

Standard library only, and pure: the reader box computes it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from analyzer import metadata

CODE_SUFFIXES = (".py", ".pyc", ".pyw", ".pth", ".start")
"""What an interpreter runs, or reads at its start; `sitecustomize` and its like are among them."""
_SCRIPT = re.compile(r"[^/]+\.data/scripts/(?P<name>.+)\Z")
_ENTRY_POINTS = re.compile(r"[^/]+\.dist-info/entry_points\.txt\Z")


def is_script(path: str) -> bool:
    """Whether a wheel's member is installed as a command."""
    return _SCRIPT.match(path) is not None


def wheel_code_digest(hashes: Mapping[str, str], kept: Mapping[str, bytes | None]) -> str:
    """`sha256:…` over the place and hash of each code file; empty where the wheel has none.

    `hashes`: hex sha256 by the member's path. `kept`: contents of scripts; one too long to keep
    counts as text, so that it is compared. Places are where files land, whichever version says so.
    """
    lines = []
    for path, digest in hashes.items():
        place = _place(path, kept)
        if place:
            lines.append(f"{digest}  {place}\n")
    if not lines:
        return ""
    text = "".join(sorted(lines))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place(path: str, kept: Mapping[str, bytes | None]) -> str:
    """Where a code file lands; empty for one that is no code."""
    script = _SCRIPT.match(path)
    if script:
        content = kept.get(path)
        native = content is not None and b"\0" in content
        return "" if native else f"scripts/{script['name']}"
    if _ENTRY_POINTS.match(path):
        return "entry_points.txt"
    if not path.lower().endswith(CODE_SUFFIXES):
        return ""
    landed = metadata.site_path(path)
    return f"site/{landed}" if landed else path.partition(".data/")[2]
