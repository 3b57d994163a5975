"""It does at a second start, later and elsewhere, what it did not do at first."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import is_harmless_question, is_shell, names_downloader
from analyzer.detectors.decoy_read import EVERYDAY, read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.dns_lookup import lookups
from analyzer.detectors.network_connect import counts
from analyzer.detectors.persistence_write import place_of
from analyzer.detectors.view import RunView
from analyzer.lineage import is_python
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="acts-later",
    title="It acts at a later start or elsewhere",
    rationale=(
        "Payloads wait for a second start, a date, a time zone or a build server (T24, T25). P5 starts "
        "and imports once more, weeks later by the clock and in another environment; what is new there "
        "was held back. Update checkers ask a host at times, and weigh less than what sends or runs."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.MEDIUM,
    technique="T1497.003",
    techniques=("T24", "T25"),
    needs=frozenset({EventKind.EXEC, EventKind.NET, EventKind.DNS, EventKind.DECOY}),
)
_BEFORE = (Phase.START, Phase.IMPORT)
_KINDS = (EventKind.CONNECT, EventKind.NET, EventKind.EXEC)
_Act = tuple[str, str]


def detect(run: RunView) -> Iterator[Match]:
    """One match for each act of P5 that neither P2 nor P3 saw; nothing where there was no P3."""
    acts = list(_acts(run))
    if not any(run.events(EventKind.OPEN, EventKind.EXEC, phases=(Phase.IMPORT,))):
        return
    known = {act for act, event, _ in acts if event.phase in _BEFORE}
    new: dict[_Act, tuple[Event, Severity]] = {}
    for act, event, severity in acts:
        if event.phase is not Phase.WAIT or act in known:
            continue
        # The worst of one act's events: that a host was asked for, then what was sent to it.
        if act not in new or (severity is Severity.HIGH and new[act][1] is not severity):
            new[act] = (event, severity)
    for (what, _), (event, severity) in new.items():
        yield Match.of(event, run, what=what, severity=severity)


def _acts(run: RunView) -> Iterator[tuple[_Act, Event, Severity]]:
    """(act, event, what it weighs where it is new)."""
    for event in lookups(run):
        yield ("host", event.host.rstrip(".").lower()), event, Severity.MEDIUM
    names = {event.address: event.host for event in run.events(EventKind.NET) if event.host}
    for event in run.events(*_KINDS):
        if event.kind is EventKind.EXEC:
            yield from _program(event)
        elif counts(event):
            host = (event.host or names.get(event.address, "")).rstrip(".").lower()
            sent = event.kind is EventKind.NET and event.size_bytes > 0
            yield (
                ("host", host or event.address),
                event,
                Severity.HIGH if sent else Severity.MEDIUM,
            )
    for event, kind in read_decoys(run):
        mild = kind in EVERYDAY
        yield ("decoy", kind), event, Severity.MEDIUM if mild else Severity.HIGH
    for event, path in run.written():
        if hook := place_of(path):
            yield ("hook", f"{hook} {path}"), event, Severity.HIGH


def _program(event: Event) -> Iterator[tuple[_Act, Event, Severity]]:
    path, argv = event.path, event.argv
    if event.result < 0 or is_harmless_question(path, argv) or is_python(path):
        return
    severe = is_shell(path, argv) or names_downloader(path, argv)
    yield ("program", path), event, Severity.HIGH if severe else Severity.MEDIUM
