"""A public service was used that attackers carry data out through."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.channels import ASKED_ONLY, OUT_OF_BAND, channel_of
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="service-channel",
    title="A service that data is carried out through was contacted",
    rationale=(
        "Chat bots, paste sites, tunnels, edge workers and chains need no server of the attacker's own "
        "and pass every proxy (T18). Clients of those services contact them when they are used. "
        "Out-of-band hosts serve nobody but whoever waits for a sign of life."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.MEDIUM,
    technique="T1567",
    techniques=("T18",),
    needs=frozenset({EventKind.NET, EventKind.DNS}),
)
_HANDS_OVER = ("POST ", "PUT ", "PATCH ")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase, channel and host."""
    seen = set()
    for event in run.events(EventKind.NET, EventKind.DNS):
        channel = channel_of(event.host)
        key = (event.phase, channel, event.host.lower())
        if not channel or key in seen or (channel in ASKED_ONLY and not _hands_over(event)):
            continue
        seen.add(key)
        yield Match.of(event, run, what=channel, severity=_severity(event.phase, channel))


def _hands_over(event: Event) -> bool:
    """Whether a conversation hands something over, as far as its first line is known."""
    protocol, _, line = event.detail.partition(" ")
    if event.kind is not EventKind.NET or not protocol:
        return False
    return line.startswith(_HANDS_OVER)


def _severity(phase: Phase, channel: str) -> Severity | None:
    if channel == OUT_OF_BAND:
        return Severity.HIGH
    return Severity.LOW if phase is Phase.USE else None
