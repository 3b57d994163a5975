"""Another program was started, after the installation and the bare start."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import is_harmless_question, is_shell, names_downloader
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.lineage import is_python
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-process",
    title="Another program was run",
    rationale="Unusual, and worth little alone: some libraries ask a tool they wrap for its version.",
    severity=Severity.LOW,
    in_use=Severity.INFO,
    technique="T1106",
    techniques=("T06",),
    needs=frozenset({EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each program; shells and downloaders have detectors of their own."""
    seen = set()
    for event in run.executed(phases=(Phase.IMPORT, Phase.USE, Phase.WAIT)):
        path, argv = event.path, event.argv
        if event.result < 0 or (event.phase, path) in seen or is_python(path):
            continue
        if is_shell(path, argv) or names_downloader(path, argv) or is_harmless_question(path, argv):
            continue
        seen.add((event.phase, path))
        yield Match.of(event, run)
