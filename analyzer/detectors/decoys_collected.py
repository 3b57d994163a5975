"""Several planted secrets of different kinds were read."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.decoy_read import EVERYDAY, read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

KINDS_MIN = 3
"""Kinds of decoys; an honest client knows its own one, perhaps two (FACTS.md, T05: three baits)."""
KINDS_IN_USE = 5
"""Kinds that no call of a function explains either; storage libraries know three or four."""
DEFINITION = Definition(
    id="decoys-collected",
    title="Secrets of several kinds were read",
    rationale="A collector sweeps the home folder; no honest library needs keys of three services.",
    severity=Severity.CRITICAL,
    in_use=Severity.HIGH,
    technique="T1119",
    techniques=("T05", "T31"),
    needs=frozenset({EventKind.DECOY}),
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match each for use and for the other phases: at the reading that makes it many."""
    kinds: dict[bool, set[str]] = {False: set(), True: set()}
    for event, kind in read_decoys(run):
        used = event.phase is Phase.USE
        if kind in EVERYDAY or kind in kinds[used]:
            continue
        kinds[used].add(kind)
        if used and len(kinds[used]) in (KINDS_MIN, KINDS_IN_USE):
            few = len(kinds[used]) < KINDS_IN_USE
            yield Match.of(event, run, severity=Severity.MEDIUM if few else Severity.HIGH)
        elif not used and len(kinds[used]) == KINDS_MIN:
            yield Match.of(event, run)
