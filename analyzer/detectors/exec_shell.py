"""A shell was started at interpreter start, on import or later."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import is_harmless_question, is_shell
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import AFTER_INSTALL, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-shell",
    title="A shell was run",
    rationale=(
        "Builds live on shells, so P1 is left out. At start and on import a shell is rare, but for "
        "the questions that libraries ask of the system (uname, ldconfig)."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.LOW,
    technique="T1059.004",
    techniques=("T06",),
    needs=frozenset({EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and command."""
    seen = set()
    for event in run.executed(phases=AFTER_INSTALL):
        if not is_shell(event.path, event.argv) or is_harmless_question(
            event.path, event.argv, result=event.result
        ):
            continue
        if (event.phase, event.argv) not in seen:
            seen.add((event.phase, event.argv))
            severe = event.phase is Phase.START
            yield Match.of(event, run, severity=Severity.HIGH if severe else None)
