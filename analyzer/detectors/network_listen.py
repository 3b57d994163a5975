"""A socket listens for connections from outside the box."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="network-listen",
    title="It listened for connections",
    rationale="Bind shells listen; libraries that probe loopback or open socket pairs do not.",
    severity=Severity.MEDIUM,
    in_use=Severity.LOW,
    technique="T1571",
    techniques=("T23",),
    needs=frozenset({EventKind.TCP}),
)
_LOOPBACK = ("127.", "::1", "::ffff:127.")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and port."""
    seen = set()
    for event in run.events(EventKind.TCP):
        listens = event.detail.endswith(">LISTEN")
        if (
            listens
            and not event.address.startswith(_LOOPBACK)
            and (event.phase, event.port) not in seen
        ):
            seen.add((event.phase, event.port))
            yield Match.of(event, run)
