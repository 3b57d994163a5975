"""A planted secret was read, and bytes left the box: encrypted theft looks like this."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.decoy_read import EVERYDAY, read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import BOX_PHASES, RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="decoy-read-then-sent",
    title="A planted secret was read, and bytes were sent",
    rationale=(
        "A canary is not recognised once it is encrypted or compressed (SANDBOX.md, 6.5). That a secret "
        "was read and a conversation carried bytes out still shows."
    ),
    severity=Severity.CRITICAL,
    technique="T1041",
    needs=frozenset({EventKind.DECOY, EventKind.NET}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each kind of decoy, at a conversation of the same phase or a later one.

    Within a phase the order is left open: a conversation is dated by its beginning, and a thief
    may connect first and read afterwards.
    """
    sent = [event for event in run.events(EventKind.NET) if event.size_bytes > 0]
    seen = set()
    for read, kind in read_decoys(run):
        began = BOX_PHASES.index(read.phase)
        after = next((event for event in sent if BOX_PHASES.index(event.phase) >= began), None)
        if after is not None and kind not in seen and kind not in EVERYDAY:
            seen.add(kind)
            yield Match.of(after, run, what=kind)
