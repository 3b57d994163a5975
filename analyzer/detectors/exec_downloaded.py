"""A file was written after contact with a host, and then executed."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.exec_dropped import dropped_and_run, first_contact, moment
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-downloaded",
    title="A downloaded file was executed",
    rationale="Connect, write, execute in this order is a downloader (17 % of Linux malware; T09, T10).",
    severity=Severity.CRITICAL,
    in_use=Severity.MEDIUM,
    technique="T1105",
    techniques=("T09", "T10"),
    needs=frozenset({EventKind.CONNECT, EventKind.OPEN, EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file."""
    contact = first_contact(run)
    for writing, execution in dropped_and_run(run):
        if contact <= moment(writing):
            yield Match.of(execution, run)
