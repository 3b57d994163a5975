"""A program was executed from memory, without a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.commands import is_shell
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.lineage import is_python
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="exec-memory",
    title="A program was run from memory",
    rationale=(
        "memfd_create and then an exec of the descriptor leaves no file to find (T11); opening it by "
        "its path in /proc is how a library is loaded from there. Shared memory libraries use memfd "
        "too, and hand the descriptor on. Executable mappings say nothing: every JIT makes them."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.HIGH,
    technique="T1620",
    techniques=("T11",),
    needs=frozenset({EventKind.EXEC, EventKind.MEMFD, EventKind.OPEN}),
)
_DESCRIPTOR = re.compile(r"/proc/(?:self|thread-self|[0-9]+)/fd/[0-9]+\Z|/dev/fd/[0-9]+\Z")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each such exec: by a descriptor's path, or by execveat with an empty one.

    Without a memfd in the family, the descriptor was a file's: unusual, but in plain sight.
    """
    made = {(event.phase, event.pid) for event in run.events(EventKind.MEMFD)}
    for event in run.executed():
        by_descriptor = _DESCRIPTOR.match(run.absolute(event.path)) or (
            not event.path and event.syscall == "execveat"
        )
        if event.path.startswith(("/memfd:", "memfd:")):
            yield Match.of(event, run)
        elif by_descriptor:
            severity = None if _made_by_family(event, run, made) else Severity.MEDIUM
            yield Match.of(event, run, severity=severity)
        elif _reads_memory(event, run) and _made_by_family(event, run, made):
            yield Match.of(event, run, severity=Severity.HIGH)
    yield from _reopened(run, made)


def _reads_memory(event: Event, run: RunView) -> bool:
    """Whether an interpreter or a shell is given a script in memory."""
    if not (is_python(event.path) or is_shell(event.path, event.argv)):
        return False
    return any(_DESCRIPTOR.match(run.absolute(argument)) for argument in event.argv[1:])


def _reopened(run: RunView, made: set[tuple[Phase, int]]) -> Iterator[Match]:
    """Descriptors of memory that were opened by path, which is how a library is loaded from there.

    That it was loaded, and not read, does not show: the tracer leaves mappings of files out.
    """
    seen = set()
    for event in run.events(EventKind.OPEN):
        named = event.result >= 0 and _DESCRIPTOR.match(run.absolute(event.path))
        if named and event.phase not in seen and _made_by_family(event, run, made):
            seen.add(event.phase)
            used = event.phase is Phase.USE
            yield Match.of(event, run, severity=Severity.LOW if used else Severity.HIGH)


def _made_by_family(event: Event, run: RunView, made: set[tuple[Phase, int]]) -> bool:
    family = {(event.phase, process.pid) for process in run.family_of(event)}
    return not made.isdisjoint(family | {(event.phase, event.pid)})
