"""A connection out of the box was attempted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.metadata_service import is_metadata_service
from analyzer.detectors.view import RunView, is_remote
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="network-connect",
    title="A connection was opened",
    rationale=(
        "Installing, starting and importing need no network. 20 % of malicious setup.py files use "
        "it and almost no benign one (FACTS.md, 3); on import it is rare, and seen in telemetry too."
    ),
    severity=Severity.HIGH,
    technique="T1071",
    needs=frozenset({EventKind.CONNECT, EventKind.SEND, EventKind.NET}),
)
DNS_PORT = 53


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and destination; on import, without bytes sent, a mild one."""
    sent_to = {
        (event.phase, event.address, event.port)
        for event in run.events(EventKind.NET)
        if event.size_bytes > 0
    }
    names = {event.address: event.host for event in run.events(EventKind.NET) if event.host}
    seen = set()
    for event in run.events(EventKind.NET, EventKind.CONNECT, EventKind.SEND):
        key = (event.phase, event.address, event.port)
        if key in seen or not counts(event):
            continue
        seen.add(key)
        mild = event.phase is Phase.IMPORT and key not in sent_to
        match = Match.of(event, run, severity=Severity.MEDIUM if mild else None)
        yield match if event.host else _named(match, names.get(event.address, ""))


def counts(event: Event) -> bool:
    """Whether an event is a connection of its own: not a resolver's, not loopback."""
    if event.kind is not EventKind.NET and event.port in (0, DNS_PORT):
        return False  # resolvers, and glibc's routing probe (connect of a UDP socket to port 0)
    return is_remote(event) and not is_metadata_service(event)


def _named(match: Match, host: str) -> Match:
    return replace(match, place=replace(match.place, host=host))
