"""Start hooks as text: what the import lines of `.pth` files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.kind import StaticKind
from analyzer.static.result import Match, Reach
from analyzer.static.sources import Layout

_IMPORT_LINE = re.compile(rb"import[ \t]")
"""`site.addpackage` executes the lines that begin so."""
_DYNAMIC = re.compile(rb"\b(?:exec|eval|compile|__import__)\s*\(")

HOOK_KINDS = {
    "static-start-dynamic": StaticKind(
        title="A start hook runs code that it makes up",
        levels={Reach.START: "high"},
        technique="T1546.018",
        rationale=(
            "A line of a .pth file that calls exec or eval needs more room than a line, or hides "
            "what it runs (T03). Honest hooks import a module by its name."
        ),
    )
}


def start_dynamic(layout: Layout) -> Iterator[Match]:
    """Import lines of `.pth` files that call exec, eval or their like."""
    for path, content in layout.hooks:
        for number, line in enumerate(content.splitlines(), start=1):
            if _IMPORT_LINE.match(line) and _DYNAMIC.search(line):
                yield Match(
                    id="static-start-dynamic",
                    reach=Reach.START,
                    path=path,
                    line=number,
                    excerpt=line.decode("utf-8", "replace"),
                )
