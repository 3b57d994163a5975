"""A connection out of the box was attempted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.metadata_service import is_metadata_service
from analyzer.detectors.trade import was_given
from analyzer.detectors.view import RunView, is_remote
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="network-connect",
    title="A connection was opened",
    rationale=(
        "Installing, starting and importing need no network. 20 % of malicious setup.py files use "
        "it and almost no benign one (FACTS.md, 3); on import it is rare, and seen in telemetry too. "
        "A datagram socket that is connected and never used only asks which address is its own."
    ),
    severity=Severity.HIGH,
    in_use=Severity.INFO,
    technique="T1071",
    techniques=("T01", "T02", "T05", "T06", "T06b"),
    needs=frozenset({EventKind.CONNECT, EventKind.SEND, EventKind.NET, EventKind.TCP}),
)
DNS_PORT = 53
_GIVEN = (Phase.USE, "", 0)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and destination; on import, without bytes sent, a mild one.

    Hosts that P4 gave itself make one match in all.
    """
    sent_to = {
        (event.phase, event.address, event.port)
        for event in run.events(EventKind.NET)
        if event.size_bytes > 0
    }
    streams = {
        (event.phase, event.address, event.port)
        for event in run.events(EventKind.TCP, EventKind.NET)
    }
    names = {event.address: event.host for event in run.events(EventKind.NET) if event.host}
    seen = set()
    for event in run.events(EventKind.NET, EventKind.CONNECT, EventKind.SEND):
        key = (event.phase, event.address, event.port)
        if key in seen or not counts(event):
            continue
        seen.add(key)
        host = event.host or names.get(event.address, "")
        if event.phase is Phase.USE and was_given(replace(event, host=host)):
            if _GIVEN in seen:
                continue
            seen.add(_GIVEN)
        severity = None
        if key not in sent_to:
            if event.kind is EventKind.CONNECT and event.result == 0 and key not in streams:
                severity = Severity.LOW  # nothing went out: a datagram socket's route was asked for
            elif event.phase in (Phase.IMPORT, Phase.WAIT):
                severity = Severity.MEDIUM
        yield _named(Match.of(event, run, severity=severity), host)


def counts(event: Event) -> bool:
    """Whether an event is a connection of its own: not a resolver's, not loopback."""
    if event.kind is not EventKind.NET and event.port in (0, DNS_PORT):
        return False  # resolvers, and glibc's routing probe (connect of a UDP socket to port 0)
    return is_remote(event) and not is_metadata_service(event)


def _named(match: Match, host: str) -> Match:
    return replace(match, place=replace(match.place, host=host))
