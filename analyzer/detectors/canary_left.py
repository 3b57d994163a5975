"""A planted value left the box: the one thing that no honest install, start or import does."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.metadata_service import is_metadata_service
from analyzer.detectors.trade import belongs
from analyzer.detectors.view import RunView
from models.evidence import ProofKind, Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="canary-left",
    title="A planted secret left the box",
    rationale=(
        "Planted values are random for each run, so one that the sinkhole receives was read here "
        "and sent. Nothing that a package was asked to do in P1 to P3, or does at a second start, "
        "needs it (DESIGN.md, Judgement). In P4 it was asked for something: no proof there, and "
        "little where a service gets its own key."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.CRITICAL,
    technique="T1041",
    techniques=("T05", "T16", "T18", "T27"),
    needs=frozenset({EventKind.NET, EventKind.DNS}),
    proof=ProofKind.CANARY_LEFT,
)
ARGUMENT = "argument"
"""Kind of what P4 hands over itself; `canary_argument_left` speaks of it."""
CLOUD_ROLE = "cloud-role"
"""Kind of what the metadata service hands out; going back there, it did not leave."""


def detect(run: RunView) -> Iterator[Match]:
    """One match for each planted value and conversation that carried it."""
    for event in run.events(EventKind.NET, EventKind.DNS):
        for canary in event.canaries:
            kind = run.planted(canary)
            if kind == ARGUMENT or (kind == CLOUD_ROLE and is_metadata_service(event)):
                continue
            used = event.phase is Phase.USE
            mild = used and belongs(kind, run.variable(canary), event)
            severity = Severity.MEDIUM if mild else None
            yield Match.of(event, run, what=kind, severity=severity, proven=not used)
