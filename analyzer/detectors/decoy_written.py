"""A planted file was changed."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="decoy-written",
    title="A planted file was changed",
    rationale="Keys are added to ~/.ssh, settings bent, files encrypted: none of it is an import's.",
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1565.001",
    techniques=("T20", "T30"),
    needs=frozenset({EventKind.DECOY}),
)
CHANGES = ("modify", "delete", "move")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and decoy."""
    seen = set()
    for event in run.events(EventKind.DECOY):
        if event.detail in CHANGES and (event.phase, event.path) not in seen:
            seen.add((event.phase, event.path))
            yield Match.of(event, run, what=run.planted_at(event.path) or "unknown")
