"""A planted file was read."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="decoy-read",
    title="A planted secret was read",
    rationale=(
        "inotify on the decoys' inodes cannot be raced or forged from inside. Reading credentials "
        "at install, start or import is how collectors begin (FACTS.md, T05); clients that honestly "
        "read their own settings do so when they are used."
    ),
    severity=Severity.HIGH,
    technique="T1552.001",
    needs=frozenset({EventKind.DECOY}),
)
EVERYDAY = frozenset({"dotenv-secret"})
"""Decoys that ordinary libraries look for too: settings first, secrets second."""
READS = ("open", "access")


def read_decoys(run: RunView) -> Iterator[tuple[Event, str]]:
    """(event, kind) for the first reading of each decoy in each phase."""
    seen = set()
    for event in run.events(EventKind.DECOY):
        if event.detail not in READS:
            continue
        kind = run.planted(event.canaries[0]) if event.canaries else run.planted_at(event.path)
        if (event.phase, event.path) not in seen:
            seen.add((event.phase, event.path))
            yield event, kind or "unknown"


def detect(run: RunView) -> Iterator[Match]:
    """One match for each decoy and phase."""
    for event, kind in read_decoys(run):
        yield Match.of(
            event, run, what=kind, severity=Severity.MEDIUM if kind in EVERYDAY else None
        )
