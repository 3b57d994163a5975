"""A socket became the standard streams of a shell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from analyzer.detectors.commands import is_shell, opens_reverse_shell
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.network_connect import counts
from analyzer.detectors.view import RunView, is_remote
from analyzer.lineage import is_python
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="reverse-shell",
    title="A reverse shell was opened",
    rationale=(
        "Connect, dup2 of that one socket onto input and output, then exec of a shell, or of one on a "
        "pseudo terminal below: 5.5 % of Linux malware (T23). subprocess never gives a child one "
        "descriptor for both. The one-liners for it are told by their text, and /dev/tcp by a shell that "
        "connects itself."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.HIGH,
    technique="T1059.004",
    techniques=("T23",),
    needs=frozenset({EventKind.CONNECT, EventKind.CALL, EventKind.EXEC}),
)
_AF_INET = (2, 10)
_KINDS = (EventKind.CONNECT, EventKind.OPEN, EventKind.FORK, EventKind.CALL, EventKind.EXEC)


@dataclass(slots=True)
class _Descriptors:
    """What is known of one process's descriptors."""

    sockets: set[int] = field(default_factory=set)
    peer: Event | None = None
    """The connection that was made or taken."""
    below: bool = False
    """Whether a process that was driven so made this one (pty.spawn, os.system)."""
    streams: dict[int, int] = field(default_factory=dict)
    """Standard stream → the socket that was duplicated onto it."""

    def forked(self) -> _Descriptors:
        below = self.below or self.driven()
        return _Descriptors(set(self.sockets), self.peer, below, dict(self.streams))

    def driven(self) -> bool:
        """Whether one connected socket is both input and an output."""
        source = self.streams.get(0)
        return (
            self.peer is not None
            and source is not None
            and source in (self.streams.get(1), self.streams.get(2))
        )


def detect(run: RunView) -> Iterator[Match]:
    """One match for each shell or interpreter that a connected socket drives."""
    known: dict[tuple[Phase, int], _Descriptors] = {}
    for event in run.events(*_KINDS):
        mine = known.setdefault((event.phase, event.pid), _Descriptors())
        match event.kind:
            case EventKind.CONNECT:
                mine.peer = event if event.address else mine.peer
                if counts(event) and is_shell(*run.image_of(event)):
                    yield Match.of(event, run, severity=Severity.HIGH)
            case EventKind.OPEN:
                mine.sockets.discard(event.result)
            case EventKind.FORK:
                known[event.phase, event.result] = mine.forked()
            case EventKind.CALL:
                _call(event, mine)
            case _ if opens_reverse_shell(event.path, event.argv):
                yield Match.of(event, run)
            case _ if event.result >= 0 and _takes_orders(event):
                if mine.driven() or mine.below:
                    yield _towards(mine.peer, Match.of(event, run))
                    known[event.phase, event.pid] = _Descriptors()


def _towards(peer: Event | None, match: Match) -> Match:
    if peer is None:
        return match
    severity = None if match.phase is not Phase.USE or is_remote(peer) else Severity.MEDIUM
    place = replace(match.place, address=peer.address, port=peer.port)
    return replace(match, place=place, severity=severity)


def _call(event: Event, mine: _Descriptors) -> None:
    if event.result < 0:
        return
    arguments = call_arguments(event)
    match event.syscall:
        case "socket" if arguments[:1] and arguments[0] in _AF_INET:
            mine.sockets.add(event.result)
        case "accept" | "accept4":
            mine.sockets.add(event.result)
            mine.peer = mine.peer or event
        case "dup2" | "dup3" if len(arguments) >= 2:
            old, new = arguments[:2]
            if new in (0, 1, 2) and old in mine.sockets:
                mine.streams[new] = old
            else:
                mine.streams.pop(new, None)
                mine.sockets.discard(new)


def call_arguments(event: Event) -> tuple[int, ...]:
    """The arguments of a call, which `decode_trace` writes as hexadecimal numbers."""
    try:
        return tuple(int(word, 16) for word in event.detail.split())
    except ValueError:
        return ()


def _takes_orders(event: Event) -> bool:
    return is_shell(event.path, event.argv) or is_python(event.path)
