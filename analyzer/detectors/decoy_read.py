"""A planted file was read."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="decoy-read",
    title="A planted secret was read",
    rationale=(
        "inotify on the decoys' inodes cannot be raced or forged from inside. Reading credentials "
        "at install, start or import is how collectors begin (FACTS.md, T05); clients that honestly "
        "read their own settings do so when they are used. No SDK's trade are browsers and wallets."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1552.001",
    techniques=("T05", "T31"),
    needs=frozenset({EventKind.DECOY}),
)
EVERYDAY = frozenset({"dotenv-secret"})
"""Decoys that ordinary libraries look for too: settings first, secrets second."""
READS = ("open", "access")
PERSONAL = frozenset({"browser-store", "wallet"})
"""Decoys that only a person's own programs read, in use too (T31)."""


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
        yield Match.of(event, run, what=kind, severity=_severity(event, kind))


def _severity(event: Event, kind: str) -> Severity | None:
    if event.phase is Phase.USE and kind not in PERSONAL:
        return Severity.LOW
    return Severity.MEDIUM if kind in EVERYDAY else None
