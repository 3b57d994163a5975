"""Native code of the package opened a connection, without Python's own sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.boxpaths import in_site
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.network_connect import counts
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="native-connect",
    title="Native code opened a connection",
    rationale=(
        "A payload in an extension module leaves no Python frame to read (T13). A process that loaded "
        "the package's own shared object, or ctypes, and connects, while no process of its line ever loaded "
        "`socket.py`, did so natively. Database drivers and gRPC connect so, when they are used."
    ),
    severity=Severity.HIGH,
    in_use=Severity.INFO,
    technique="T1129",
    techniques=("T13",),
    needs=frozenset({EventKind.OPEN, EventKind.CONNECT}),
)
_SOCKET_MODULE = re.compile(r".*/python[\d.]+/(?:__pycache__/)?socket(?:\.[\w-]+)?\.pyc?\Z")


def detect(run: RunView) -> Iterator[Match]:
    """At most one match for each phase."""
    loaded: dict[tuple[Phase, int], set[str]] = {}
    told = set()
    for event in run.events(EventKind.OPEN, EventKind.CONNECT, EventKind.EXEC):
        place = (event.phase, event.pid)
        if event.kind is EventKind.EXEC:
            if event.result >= 0:
                loaded[place] = {"program"}  # a new program begins with nothing loaded
        elif event.kind is EventKind.OPEN:
            what = _module(run.absolute(event.path)) if event.result >= 0 else ""
            if what:
                loaded.setdefault(place, set()).add(what)
        elif counts(event) and event.phase not in told:
            line: set[str] = set()
            for process in run.family_of(event):
                mine = loaded.get((event.phase, process.pid), set())
                line |= mine
                if "program" in mine:
                    break
            if "native" in line and "socket" not in line:
                told.add(event.phase)
                yield Match.of(event, run)


def _module(path: str) -> str:
    if path.endswith(".so"):
        foreign = "/_ctypes." in path or "/_cffi_backend." in path
        return "native" if foreign or in_site(path) else ""
    return "socket" if _SOCKET_MODULE.match(path) else ""
