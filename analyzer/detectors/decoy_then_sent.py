"""A planted secret was read, and bytes left the box: encrypted theft looks like this."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.decoy_read import (
    EVERYDAY,
    is_login_look_up,
    kinds_unasked,
    read_decoys,
)
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.trade import belongs, was_given
from analyzer.detectors.view import BOX_PHASES, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="decoy-read-then-sent",
    title="A planted secret was read, and bytes were sent",
    rationale=(
        "A canary is not recognised once it is encrypted or compressed (SANDBOX.md, 6.5). That a secret "
        "was read and a conversation carried bytes out still shows. An SDK in use does both by trade, "
        "and `requests` looks into ~/.netrc before every request, whoever asked for it: alone, before a "
        "GET, that weighs less."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.MEDIUM,
    technique="T1041",
    techniques=("T05", "T31"),
    needs=frozenset({EventKind.DECOY, EventKind.NET}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each kind of decoy, at a conversation of the same phase or a later one.

    Within a phase the order is left open: a conversation is dated by its beginning, and a thief
    may connect first and read afterwards. What was read in use weighs as use, also where bytes
    follow later; so does what was read before and followed by bytes in use only.
    """
    sent = [event for event in run.events(EventKind.NET) if event.size_bytes > 0]
    unasked = [event for event in sent if event.phase is not Phase.USE]
    seen: set[tuple[str, bool]] = set()
    reads = list(read_decoys(run))
    kinds = kinds_unasked(reads)
    for read, kind in reads:
        if kind in EVERYDAY:
            continue
        used = read.phase is Phase.USE
        severe = None if used else _first(unasked, read)
        after = severe or _first(sent, read)
        if after is None or not {(kind, severe is not None), (kind, True)}.isdisjoint(seen):
            continue
        seen.add((kind, severe is not None))
        if severe is not None:
            looked_up = is_login_look_up(run, read, kind, kinds)
            yield Match.of(after, run, what=kind, severity=Severity.MEDIUM if looked_up else None)
        else:
            began = BOX_PHASES.index(read.phase)
            later = [event for event in sent if BOX_PHASES.index(event.phase) >= began]
            foreign = [
                event for event in later if not (belongs(kind, "", event) or was_given(event))
            ]
            weight = Severity.MEDIUM if foreign else Severity.LOW
            yield Match.of((foreign or later)[0], run, what=kind, severity=weight)


def _first(sent: list[Event], read: Event) -> Event | None:
    began = BOX_PHASES.index(read.phase)
    return next((event for event in sent if BOX_PHASES.index(event.phase) >= began), None)
