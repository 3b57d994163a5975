"""Another process's memory was reached for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.denied_calls import INJECTION
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="process-injection",
    title="It reached into another process",
    rationale="Debuggers do so when they are used (debugpy, py-spy), nobody at install or import (T26).",
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1055.008",
    techniques=("T26",),
    needs=frozenset({EventKind.DENIED, EventKind.CALL, EventKind.OPEN}),
)
_MEMORY = re.compile(r"/proc/(?P<pid>[0-9]+)/(?:task/[0-9]+/)?mem\Z")
_OTHERS = re.compile(r"/proc/[0-9]+/")
_OFTEN_OWN = frozenset({"process_vm_readv"})
"""Crash handlers and profilers (ddtrace, on import) read their own memory so, since a bad address
then is an error and no fault. A refused call does not tell whose memory was meant; whoever means
another's has to look for it first."""


def detect(run: RunView) -> Iterator[Match]:
    """One match for each call, and one for opening another process's memory."""
    seen = set()
    searched = any(_OTHERS.match(event.path) for event in run.events(EventKind.OPEN))
    for event in run.events(EventKind.DENIED, EventKind.CALL, EventKind.OPEN):
        if event.kind is EventKind.OPEN:
            what = "proc-mem" if _MEMORY.match(run.real(event.path)) else ""
        else:
            what = event.syscall if event.syscall in INJECTION else ""
        if what and (event.phase, what) not in seen:
            seen.add((event.phase, what))
            mild = what in _OFTEN_OWN and not searched
            yield Match.of(event, run, what=what, severity=Severity.MEDIUM if mild else None)
