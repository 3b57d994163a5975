"""Code of another package, or of the interpreter, was written to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.boxpaths import CODE_SUFFIXES, in_dependencies, in_site, is_bytecode
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="others-files-changed",
    title="Code of another package was written to",
    rationale=(
        "A patch that is written into another package, or into the standard library, outlives this one "
        "and acts under its name (T08). Boxes refuse it, and the attempt says as much. Tables that "
        "parser generators keep beside a grammar are another matter."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1554",
    techniques=("T08",),
    needs=frozenset({EventKind.OPEN, EventKind.RENAME, EventKind.LINK}),
)
_LIBRARY = re.compile(r"/usr/(?:local/)?lib(?:64)?/python[\d.]+/")
_TABLES = re.compile(
    r"(?:_?(?:yacc|lex|parse)_?tab|parser|lexer|_?\w*(?:lextab|parsetab|yacctab))\.py\Z"
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and file."""
    seen = set()
    for event, path in run.written():
        if (event.phase, path) not in seen and _is_others(event, path):
            seen.add((event.phase, path))
            yield Match.of(event, run)


def _is_others(event: Event, path: str) -> bool:
    if not path.endswith(CODE_SUFFIXES) or is_bytecode(path):
        return False
    if _TABLES.fullmatch(path.rpartition("/")[2]):
        return False
    # What a build itself, and not pip, puts where packages are installed is beside the wheel it makes.
    building = event.phase is Phase.INSTALL and in_site(path)
    return building or in_dependencies(path) or _LIBRARY.match(path) is not None
