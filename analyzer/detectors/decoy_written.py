"""A planted file was changed."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="decoy-written",
    title="A planted file was changed",
    rationale=(
        "Keys are added to ~/.ssh, settings bent, files encrypted: none of it is an import's. A client "
        "that logs in, in use, writes its own settings."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1565.001",
    techniques=("T20", "T30"),
    needs=frozenset({EventKind.DECOY}),
)
OWN_SETTINGS = frozenset({"docker-auth", "kube-token", "gcloud-token", "npm-token", "pypi-token"})
"""Decoys that clients write, where they are asked to log in (docker, kubernetes, twine)."""
CHANGES = ("modify", "delete", "move")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and decoy."""
    seen = set()
    for event in run.events(EventKind.DECOY):
        if event.detail in CHANGES and (event.phase, event.path) not in seen:
            seen.add((event.phase, event.path))
            kind = run.planted_at(event.path) or "unknown"
            own = event.phase is Phase.USE and kind in OWN_SETTINGS
            yield Match.of(event, run, what=kind, severity=Severity.LOW if own else None)
