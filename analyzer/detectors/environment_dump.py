"""The whole environment was taken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import BOX_PHASES, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="environment-dump",
    title="The environment was dumped",
    rationale=(
        "Collectors send all variables at once (T27): two planted ones in one conversation are no "
        "single setting that was asked for. /proc/…/environ is read by nobody who means one variable, "
        "and that of another process by a debugger or a thief."
    ),
    severity=Severity.HIGH,
    in_use=Severity.HIGH,
    technique="T1082",
    techniques=("T27",),
    needs=frozenset({EventKind.NET, EventKind.DNS, EventKind.OPEN}),
)
VARIABLES_MIN = 2
"""Planted variables in one conversation."""
KIND = "env-token"
_ENVIRON = re.compile(r"/proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?/environ\Z")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each conversation that carries several, and each phase that reads the file."""
    for event in run.events(EventKind.NET, EventKind.DNS):
        if sum(run.planted(canary) == KIND for canary in event.canaries) >= VARIABLES_MIN:
            yield Match.of(event, run, what=KIND)
    sent = [event for event in run.events(EventKind.NET) if event.size_bytes > 0]
    seen = set()
    for event in run.events(EventKind.OPEN):
        if (
            event.result >= 0
            and event.phase not in seen
            and _ENVIRON.match(run.absolute(event.path))
        ):
            seen.add(event.phase)
            yield Match.of(event, run, severity=_severity(event, sent))


def _severity(read: Event, sent: list[Event]) -> Severity:
    if read.phase is Phase.USE:
        return Severity.INFO
    began = BOX_PHASES.index(read.phase)
    after = any(
        event.phase is not Phase.USE and BOX_PHASES.index(event.phase) >= began for event in sent
    )
    return Severity.HIGH if after else Severity.LOW
