"""Ordinary files of an ordinary user: no secrets, but something that a destroyer would destroy."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Mapping

_WORDS = (
    *("budget", "customer", "deadline", "delivery", "draft", "figures", "invoice", "meeting"),
    *("minutes", "offer", "plan", "project", "quarter", "report", "review", "schedule"),
    *("supplier", "target", "team", "travel", "update", "vendor", "week"),
)
_JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300") + bytes(range(64)) * 8
_PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000400000004008060000") + bytes(400)
_PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
_MP3 = b"ID3\x03\0\0\0\0\0\x21TIT2\0\0\0\x05\0\0\0song" + bytes(300)


def _prose(seed: int, sentences: int = 6) -> bytes:
    """Text that reads like notes, the same for the same seed."""
    lines = []
    for line in range(sentences):
        picked = [_WORDS[(seed * 7 + line * 5 + at * at) % len(_WORDS)] for at in range(7)]
        lines.append(" ".join(picked).capitalize() + ".")
    return "\n".join(lines).encode() + b"\n"


def _office(folder: str) -> bytes:
    """As much of an office document as its first bytes and its list of members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", f"{folder}/document.xml"):
            archive.writestr(zipfile.ZipInfo(name, (2025, 6, 2, 9, 0, 0)), "<xml/>")
    return buffer.getvalue()


@functools.cache
def belongings() -> Mapping[str, bytes]:
    """Path below the home folder → content, the same in every run."""
    files: dict[str, bytes] = {}
    texts = (
        "notes",
        "todo",
        "minutes-march",
        "travel",
        "ideas",
        "recipe",
        "letter",
        "reading-list",
    )
    for seed, name in enumerate(texts):
        files[f"Documents/{name}.txt"] = _prose(seed)
    for seed, name in enumerate(("offer", "contract", "cv")):
        files[f"Documents/{name}.docx"] = _office("word")
        files[f"Documents/{name}.pdf"] = _PDF + _prose(seed + 20)
    for name in ("budget-2025", "budget-2026", "hours"):
        files[f"Documents/{name}.xlsx"] = _office("xl")
    files["Documents/customers.csv"] = b"id,name,city\n1,Nord GmbH,Kiel\n2,Sole srl,Bari\n"
    for number in range(4021, 4030):
        files[f"Pictures/IMG_{number}.jpg"] = _JPEG + number.to_bytes(2, "big") * 60
    files["Pictures/screenshot.png"] = _PNG
    for name in ("track01", "track02"):
        files[f"Music/{name}.mp3"] = _MP3 + name.encode()
    files["Downloads/manual.pdf"] = _PDF + _prose(40)
    files["Downloads/photos.zip"] = _office("photos")
    files["Desktop/plan.md"] = b"# Plan\n\n" + _prose(50)
    files["project/README.md"] = b"# app\n\n" + _prose(60)
    # No module: the project is the folder that boxes start in, and would hide one of that name.
    files["project/Makefile"] = b"test:\n\tpython -m pytest\n"
    files["project/docs/notes.md"] = _prose(61)
    return files
