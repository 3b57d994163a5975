"""A file that the run itself wrote was executed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from analyzer.boxpaths import in_dependencies, in_site
from analyzer.detectors.commands import TOOLCHAIN, program, scripts_of
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
        "Droppers write, mark as executable, execute (T09, T10), or hand a script to an interpreter. "
        "Builds do that too with what their compiler and configure made, so what a tool chain wrote "
        "is exempt in P1, and scripts of the build's own tree."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1204.002",
    techniques=("T09",),
    needs=frozenset({EventKind.OPEN, EventKind.EXEC}),
)

_BRIDGED = re.compile(r"(?:node|nodejs|java|ruby|Rscript|julia)\Z")
"""Runtimes of the machine that bridges (jsii, py4j, rpy2) start with a program of their own, unpacked
on import. What a package brings along of another language is still worth a person's look."""
_BUILD_TREE = re.compile(r"/tmp/pip-[^/]+/")  # noqa: S108 - where pip unpacks and builds, in a box


def dropped_and_run(run: RunView) -> Iterator[tuple[Event, Event]]:
    """(the writing, the execution) of each file that the artifact wrote and then executed."""
    written: dict[str, Event] = {}
    kinds = (EventKind.OPEN, EventKind.RENAME, EventKind.LINK, EventKind.EXEC)
    writes = {id(event): path for event, path in run.written()}
    told = set()
    for event in run.events(*kinds):
        if id(event) in writes:
            if event.result >= 0 and not _by_tool_chain(event, run):
                written[writes[id(event)]] = event  # the last one: it is what was run
            continue
        if event.kind is EventKind.EXEC and event.result >= 0:
            for path in _executed(event, run):
                if path in written and path not in told:
                    told.add(path)
                    yield written[path], event
                    break


def _executed(event: Event, run: RunView) -> Iterator[str]:
    """The program, and the scripts that it is told to run."""
    yield run.real(event.path)
    for script in scripts_of(event.path, event.argv):
        path = run.real(script)
        if event.phase is not Phase.INSTALL or not _BUILD_TREE.match(path):
            yield path


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file that was not, before, fetched (see exec_downloaded)."""
    contact = first_contact(run)
    for writing, execution in dropped_and_run(run):
        if moment(writing) < contact:
            bridged = _BRIDGED.match(program(execution.path, execution.argv)) is not None
            yield Match.of(execution, run, severity=Severity.MEDIUM if bridged else None)


def first_contact(run: RunView) -> tuple[float, int]:
    """When the first conversation beyond the box began; later than everything where there was none."""
    events = run.events(EventKind.CONNECT, EventKind.NET)
    return min((moment(event) for event in events if counts(event)), default=(math.inf, 0))


def moment(event: Event) -> tuple[float, int]:
    """A time that can be compared across phases."""
    return BOX_PHASES.index(event.phase), event.at_us


def _by_tool_chain(event: Event, run: RunView) -> bool:
    if event.phase is not Phase.INSTALL:
        return False
    path = run.absolute(event.path)
    if in_site(path) or in_dependencies(path):
        return False
    return TOOLCHAIN.match(program(*run.image_of(event))) is not None
