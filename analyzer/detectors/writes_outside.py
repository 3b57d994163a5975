"""Files were written outside of the package's own folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer.boxpaths import CACHE_DIR, SCRATCH, in_dependencies, in_site, is_bytecode, within
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.persistence_write import place_of
from analyzer.detectors.view import AFTER_INSTALL, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="writes-outside",
    title="Files were written outside of its own folders",
    rationale="Settings folders made on import are common enough, so this weighs little by itself.",
    severity=Severity.LOW,
    in_use=Severity.INFO,
    technique="T1074.001",
    techniques=("T20",),
    needs=frozenset({EventKind.OPEN, EventKind.RENAME, EventKind.LINK}),
)
FILES_MAX = 5
"""Matches of one phase; more files say no more."""


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file, up to FILES_MAX a phase. Start-up hooks have their own detector."""
    seen: set[str] = set()
    count: Counter[Phase] = Counter()
    for event, path in run.written(phases=AFTER_INSTALL):
        full = count[event.phase] >= FILES_MAX
        if event.result < 0 or path in seen or full or is_bytecode(path):
            continue
        if in_site(path) or in_dependencies(path) or within(path, CACHE_DIR, *SCRATCH):
            continue
        if not place_of(path):
            seen.add(path)
            count[event.phase] += 1
            yield Match.of(event, run)
