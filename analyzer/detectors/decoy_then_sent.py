"""A planted secret was read, and then bytes left the box: encrypted theft looks like this."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.decoy_read import EVERYDAY, read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import BOX_PHASES, RunView
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="decoy-read-then-sent",
    title="A planted secret was read, then bytes were sent",
    rationale=(
        "A canary is not recognised once it is encrypted or compressed (SANDBOX.md, 6.5). The order of "
        "events still shows: first the reading, then a conversation that carried bytes out."
    ),
    severity=Severity.CRITICAL,
    technique="T1041",
    needs=frozenset({EventKind.DECOY, EventKind.NET}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each kind of decoy, at the first conversation after its reading."""
    sent = [event for event in run.events(EventKind.NET) if event.size_bytes > 0]
    seen = set()
    for read, kind in read_decoys(run):
        after = next((event for event in sent if _order(event) > _order(read)), None)
        if after is not None and kind not in seen and kind not in EVERYDAY:
            seen.add(kind)
            yield Match.of(after, run, what=kind)


def _order(event: Event) -> tuple[int, int]:
    return BOX_PHASES.index(event.phase), event.at_us
