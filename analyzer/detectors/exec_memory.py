"""A program was executed from memory, without a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="exec-memory",
    title="A program was run from memory",
    rationale=(
        "memfd_create and then an exec of the descriptor leaves no file to find (T11). Shared "
        "memory libraries use memfd too, but never execute it."
    ),
    severity=Severity.CRITICAL,
    technique="T1620",
    needs=frozenset({EventKind.EXEC, EventKind.MEMFD}),
)
_DESCRIPTOR = re.compile(r"/proc/(?:self|thread-self|[0-9]+)/fd/[0-9]+\Z|/dev/fd/[0-9]+\Z")


def detect(run: RunView) -> Iterator[Match]:
    """One match for each such exec: by a descriptor's path, or by execveat with an empty one."""
    made = {(event.phase, event.pid) for event in run.events(EventKind.MEMFD)}
    for event in run.executed():
        nameless = not event.path and event.syscall == "execveat"
        process = run.process_of(event)
        family = {(event.phase, event.pid), (event.phase, process.parent if process else 0)}
        by_descriptor = nameless or _DESCRIPTOR.match(event.path)
        named_so = event.path.startswith(("/memfd:", "memfd:"))
        if named_so or (by_descriptor and not family.isdisjoint(made)):
            yield Match.of(event, run)
