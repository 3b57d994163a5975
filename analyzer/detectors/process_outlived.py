"""A process cut itself loose and was still there when the phase was over."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.clean import printable
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.lineage import ARTIFACT, Process
from models.evidence import Place, Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="process-outlived",
    title="A process was left behind",
    rationale=(
        "Payloads detach so that the installer's end does not end them (T21). Helpers of the "
        "standard library (resource trackers) begin no session of their own; they, and what a shell "
        "left in the background, weigh little. Build tools keep servers, so P1 weighs less."
    ),
    severity=Severity.HIGH,
    in_use=Severity.LOW,
    technique="T1543",
    techniques=("T21",),
    needs=frozenset({EventKind.FORK, EventKind.EXIT, EventKind.CALL}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each detached process that was there when the runner gave up waiting."""
    ends: dict[Phase, int] = {}
    for process in run.processes.values():
        if process.before and process.exited_us is not None:
            end = ends.get(process.phase, process.exited_us)
            ends[process.phase] = min(end, process.exited_us)
    for process in run.processes.values():
        if process.owner != ARTIFACT or not _outlived(process, ends):
            continue
        if process.detached or _orphaned(process, run, ends):
            yield Match(
                phase=process.phase,
                at_us=process.started_us,
                place=Place(path=printable(process.program), process=printable(process.command)),
                severity=_severity(process),
            )


def _severity(process: Process) -> Severity | None:
    if not process.detached:
        return Severity.LOW
    return Severity.MEDIUM if process.phase is Phase.INSTALL else None


def _orphaned(process: Process, run: RunView, ends: dict[Phase, int]) -> bool:
    """Whether another program's parent is gone, well before the box was."""
    parent = run.processes.get((process.phase, process.parent))
    if parent is None or parent.program == process.program or parent.exited_us is None:
        return False
    return not _outlived(parent, ends)


def _outlived(process: Process, ends: dict[Phase, int]) -> bool:
    """Whether the box ended it: the runner's end is the end of every process in it."""
    if process.exited_us is None:
        return True
    return process.phase in ends and process.exited_us >= ends[process.phase]
