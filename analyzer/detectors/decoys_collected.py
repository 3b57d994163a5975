"""Several planted secrets of different kinds were read."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.decoy_read import EVERYDAY, read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

KINDS_MIN = 3
"""Kinds of decoys; an honest client knows its own one, perhaps two (FACTS.md, T05: three baits)."""
DEFINITION = Definition(
    id="decoys-collected",
    title="Secrets of several kinds were read",
    rationale="A collector sweeps the home folder; no honest library needs keys of three services.",
    severity=Severity.CRITICAL,
    technique="T1119",
    needs=frozenset({EventKind.DECOY}),
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match: at the reading that completes the collection."""
    kinds = set()
    for event, kind in read_decoys(run):
        kinds.add(kind)
        if len(kinds - EVERYDAY) >= KINDS_MIN:
            yield Match.of(event, run)
            return
