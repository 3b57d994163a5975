"""A way out of the box was tried."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.denied_calls import ESCAPE
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="escape-attempt",
    title="It tried to leave its box",
    rationale="Mounts, namespaces, kernel modules and foreign call tables: no package installs with them.",
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1611",
    techniques=("T26",),
    needs=frozenset({EventKind.DENIED}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each call."""
    seen = set()
    for event in run.events(EventKind.DENIED):
        if event.syscall in ESCAPE and (event.phase, event.syscall) not in seen:
            seen.add((event.phase, event.syscall))
            yield Match.of(event, run, what=event.syscall)
