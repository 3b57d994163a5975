"""Places where several kinds of secrets are kept were looked for, there or not."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.secret_places import family_of
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

FAMILIES_MIN = 3
"""Kinds of places in one phase; a client looks for its own, and perhaps for a login."""
DEFINITION = Definition(
    id="secrets-searched",
    title="Secrets of several kinds were looked for",
    rationale=(
        "Most stealers ask whether a wallet or a browser is there before they read it (T05, T31), and "
        "a box cannot plant them all: the question gives them away. No import asks for three kinds."
    ),
    severity=Severity.HIGH,
    in_use=Severity.LOW,
    technique="T1083",
    techniques=("T05", "T31"),
    needs=frozenset({EventKind.OPEN, EventKind.PATH}),
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match for each phase: at the place that makes it several kinds."""
    asked: dict[Phase, set[str]] = {}
    for event in run.events(EventKind.OPEN, EventKind.PATH):
        family = family_of(run.absolute(event.path))
        mine = asked.setdefault(event.phase, set())
        if family and family not in mine:
            mine.add(family)
            if len(mine) == FAMILIES_MIN:
                yield Match.of(event, run)
