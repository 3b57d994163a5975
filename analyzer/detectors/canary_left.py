"""A planted value left the box: the one thing that no honest install, start or import does."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import ProofKind, Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="canary-left",
    title="A planted secret left the box",
    rationale=(
        "Planted values are random for each run, so one that the sinkhole receives was read here "
        "and sent. Nothing that a package was asked to do in P1 to P3 needs it (DESIGN.md, Judgement)."
    ),
    severity=Severity.CRITICAL,
    technique="T1041",
    needs=frozenset({EventKind.NET, EventKind.DNS}),
    proof=ProofKind.CANARY_LEFT,
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each planted value and conversation that carried it."""
    for event in run.events(EventKind.NET, EventKind.DNS):
        for canary in event.canaries:
            yield Match.of(event, run, what=run.planted(canary))
