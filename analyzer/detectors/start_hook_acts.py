"""Code at interpreter start did more than start an interpreter."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import is_harmless_question
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.network_connect import counts
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="start-hook-acts",
    title="A start hook acted",
    rationale=(
        "A .pth file runs in every Python on the machine (T03, T04). Honest ones set import hooks "
        "(setuptools, coverage, editable installs); none runs programs, connects or reads secrets."
    ),
    severity=Severity.HIGH,
    in_use=Severity.HIGH,
    technique="T1546.018",
    techniques=("T03", "T03b", "T04"),
    needs=frozenset({EventKind.EXEC, EventKind.CONNECT, EventKind.NET, EventKind.DECOY}),
)
_KINDS = (EventKind.EXEC, EventKind.CONNECT, EventKind.NET, EventKind.DNS, EventKind.DECOY)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each kind of act."""
    seen = set()
    for event in run.events(*_KINDS, phases=(Phase.START,)):
        what = _act(event)
        if what and what not in seen:
            seen.add(what)
            yield Match.of(event, run, what=what)


def _act(event: Event) -> str:
    match event.kind:
        case EventKind.EXEC:
            return (
                "" if is_harmless_question(event.path, event.argv, result=event.result) else "exec"
            )
        case EventKind.DECOY:
            return "decoy"
        case EventKind.DNS:
            return "network" if "." in event.host.rstrip(".") else ""
        case _:
            return "network" if counts(event) else ""
