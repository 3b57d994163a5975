"""A download tool was started."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import names_downloader
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-downloader",
    title="A download tool was run",
    rationale=(
        "curl, wget or netcat fetch the next stage (T09). Some builds fetch sources with them, "
        "which is worth a person's look but no more."
    ),
    severity=Severity.HIGH,
    technique="T1105",
    needs=frozenset({EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and command; an attempt that found no such tool counts too."""
    seen = set()
    for event in run.executed():
        key = (event.phase, event.argv)
        if key not in seen and names_downloader(event.path, event.argv):
            seen.add(key)
            mild = event.phase is Phase.INSTALL
            yield Match.of(event, run, severity=Severity.MEDIUM if mild else None)
