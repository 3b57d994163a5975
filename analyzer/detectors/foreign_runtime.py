"""A language runtime was started that neither the machine nor the package brought along."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.boxpaths import in_dependencies, in_site, within
from analyzer.detectors.commands import program
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.sandbox import layout
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="foreign-runtime",
    title="A runtime from elsewhere was run",
    rationale=(
        "Payloads for Bun, Node or Deno bring their runtime along from a download, where no Python "
        "tool looks (T10). Wheels that hold a runtime list it among their files; tools that fetch one "
        "do so in use. Looking for one that is not there says little."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1059.007",
    techniques=("T10",),
    needs=frozenset({EventKind.EXEC, EventKind.OPEN}),
)
_RUNTIME = re.compile(
    r"(?:node|nodejs|bun|bunx|deno|npx|go|java|jre|ruby|php|lua(?:jit)?|qjs|tsx|dotnet|pwsh|wasmtime)[\d.]*\Z"
)
_IMAGE = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt")
"""What boxes show of the machine, read-only."""


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and runtime."""
    seen = set()
    for event in run.executed():
        name = program(event.path, event.argv)
        if not _RUNTIME.match(name) or (event.phase, name, event.result >= 0) in seen:
            continue
        path = run.real(event.path)
        if event.result < 0:
            severity = _looked_for(event)
        elif within(path, *_IMAGE) or _brought_along(path, run):
            continue
        else:
            severity = Severity.HIGH
        seen.add((event.phase, name, event.result >= 0))
        yield Match.of(event, run, severity=severity)


def _brought_along(path: str, run: RunView) -> bool:
    """Whether it was installed: listed by the package's own RECORD, or a dependency's."""
    return path in run.installed or in_dependencies(path) or (in_site(path) and run.sdist)


def _looked_for(event: Event) -> Severity:
    quiet = event.phase in (Phase.INSTALL, Phase.USE) or event.path.startswith(layout.ENV)
    return Severity.INFO if quiet else Severity.LOW
