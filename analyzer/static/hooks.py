"""Start hooks as text: what the import lines of `.pth` files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.detector import Detector, View
from analyzer.static.kind import StaticKind
from analyzer.static.result import Match, Reach
from analyzer.static.sources import Layout

_IMPORT_LINE = re.compile(rb"import[ \t]")
"""`site.addpackage` executes the lines that begin so."""
_DYNAMIC = re.compile(
    rb"\b(?:exec|eval|compile|__import__)\s*\(.{0,300}?(?:b(?:16|32|64|85)decode|decompress|fromhex|unhexlify|marshal|chr\(|rot_?13"
    rb"|urlopen|urllib|requests|httpx|socket|subprocess|popen|os\.system|\[::-1\]|\bopen\(|read_text|Fernet)"
)
"""Code that is decoded, fetched or read from a file. Coverage and setuptools exec one plain import."""


def _start_dynamic(view: View) -> Iterator[Match]:
    """Import lines of `.pth` files that call exec, eval or their like."""
    for path, content in view.layout.hooks:
        for number, line in enumerate(content.splitlines(), start=1):
            if _IMPORT_LINE.match(line) and _DYNAMIC.search(line):
                yield Match(
                    id="static-start-dynamic",
                    reach=Reach.START,
                    path=path,
                    line=number,
                    excerpt=line[:400].decode("utf-8", "replace"),
                )


def import_lines(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Path and code of each `.pth` file's import lines; the targets of `.start` files as imports."""
    for path, content in layout.hooks:
        lines = content.splitlines()
        if path.endswith(".start"):
            names = [line.strip().partition(b":")[0] for line in lines if not line.startswith(b"#")]
            code = [b"import " + name for name in names if re.fullmatch(rb"[\w.]+", name)]
        else:
            code = [line for line in lines if _IMPORT_LINE.match(line)]
        yield path, b"\n".join(code)


HOOKS: tuple[Detector, ...] = (
    Detector(
        id="static-start-dynamic",
        kind=StaticKind(
            title="A start hook runs code that it makes up",
            levels={Reach.START: "high"},
            technique="T1546.018",
            rationale=(
                "A line of a .pth file that calls exec or eval needs more room than a line, or hides "
                "what it runs (T03). Honest hooks import a module by its name."
            ),
        ),
        detect=_start_dynamic,
    ),
)
