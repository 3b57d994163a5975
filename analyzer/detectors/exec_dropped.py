"""A file that the run itself wrote was executed."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.boxpaths import absolute, in_dependencies, in_site
from analyzer.detectors.commands import TOOLCHAIN, program
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.network_connect import counts
from analyzer.detectors.view import BOX_PHASES, RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="exec-dropped",
    title="A file written in this run was executed",
    rationale=(
        "Droppers write, mark as executable, execute (T09, T10). Builds do that too with what "
        "their compiler made, so what a tool chain wrote is exempt in P1."
    ),
    severity=Severity.HIGH,
    technique="T1204.002",
    needs=frozenset({EventKind.OPEN, EventKind.EXEC}),
)


def dropped_and_run(run: RunView) -> Iterator[tuple[Event, Event]]:
    """(the writing, the execution) of each file that the artifact wrote and then executed."""
    written: dict[str, Event] = {}
    kinds = (EventKind.OPEN, EventKind.RENAME, EventKind.LINK, EventKind.EXEC)
    writes = {id(event): path for event, path in run.written()}
    told = set()
    for event in run.events(*kinds):
        if id(event) in writes:
            if event.result >= 0 and not _by_tool_chain(event, run):
                written.setdefault(writes[id(event)], event)
            continue
        path = absolute(event.path) if event.kind is EventKind.EXEC else ""
        if path in written and path not in told and event.result >= 0:
            told.add(path)
            yield written[path], event


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file that was not, before, fetched (see exec_downloaded)."""
    for writing, execution in dropped_and_run(run):
        if first_contact(run, before=writing) is None:
            yield Match.of(execution, run)


def first_contact(run: RunView, *, before: Event) -> Event | None:
    """The first conversation beyond the box that began before an event."""
    order = (BOX_PHASES.index(before.phase), before.at_us)
    for event in run.events(EventKind.CONNECT, EventKind.NET):
        if (BOX_PHASES.index(event.phase), event.at_us) < order and counts(event):
            return event
    return None


def _by_tool_chain(event: Event, run: RunView) -> bool:
    process = run.process_of(event)
    if event.phase is not Phase.INSTALL or process is None:
        return False
    path = absolute(event.path)
    if in_site(path) or in_dependencies(path):
        return False
    return TOOLCHAIN.match(program(process.program, process.argv)) is not None
