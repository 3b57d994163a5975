"""Code that was hidden in a command line was run."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import hides_code
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-hidden",
    title="Code hidden in a command line was run",
    rationale=(
        "`python -c` with a decoded or fetched text, `base64 -d | sh`, PowerShell's -enc: base64 and exec "
        "take part in 20 % of Linux malware (FACTS.md, 3). Workers that libraries start by `-c` name "
        "the module that they run."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1027.010",
    techniques=("T01", "T09"),
    needs=frozenset({EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and command."""
    seen = set()
    for event in run.executed():
        key = (event.phase, event.argv)
        if key not in seen and hides_code(event.path, event.argv):
            seen.add(key)
            yield Match.of(event, run)
