"""A host name was looked up."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.metadata_service import NAMES
from analyzer.detectors.trade import was_given
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

CARRIERS = ("TXT", "NULL", "CNAME", "MX", "SRV")
"""Types of records that nobody needs to connect, and that bring data or a next stage along (T16)."""
DEFINITION = Definition(
    id="dns-lookup",
    title="A host name was looked up",
    rationale=(
        "The first half of a connection, and at times all of it (T16). Libraries that look up the "
        "machine's own name on import do no harm, so it weighs little there."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.INFO,
    technique="T1071.004",
    techniques=("T01", "T02", "T16"),
    needs=frozenset({EventKind.DNS}),
)


def lookups(run: RunView) -> Iterator[Event]:
    """Look-ups of names with a dot: a bare name is the box's own (socket.getfqdn)."""
    for event in run.events(EventKind.DNS):
        name = event.host.rstrip(".").lower()
        if "." in name and name not in NAMES and not name.endswith((".localhost", ".local")):
            yield event


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and name; one in all for names that P4 gave itself."""
    seen = set()
    for event in lookups(run):
        given = event.phase is Phase.USE and was_given(event)
        key = (event.phase, "" if given else event.host.lower())
        if key not in seen:
            seen.add(key)
            mild = event.phase in (Phase.IMPORT, Phase.WAIT) and event.detail not in CARRIERS
            yield Match.of(event, run, severity=Severity.LOW if mild else None)
