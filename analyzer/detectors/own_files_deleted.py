"""The package deleted or replaced its own files: traces are wiped so, and code is kept from being seen."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.boxpaths import CODE_SUFFIXES, in_site, is_bytecode
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import AFTER_INSTALL, RunView
from analyzer.sandbox import layout
from models.evidence import Severity
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="own-files-deleted",
    title="It deleted or replaced its own files",
    rationale=(
        "A loader that removes itself is hiding; caches and temporary files are another matter. "
        "One module that rewrites another, or the interpreter, before that is imported shows us "
        "code that nobody else will run."
    ),
    severity=Severity.MEDIUM,
    in_use=Severity.LOW,
    technique="T1070.004",
    techniques=("T06",),
    needs=frozenset({EventKind.UNLINK, EventKind.OPEN, EventKind.RENAME, EventKind.LINK}),
)
_INTERPRETER = (f"{layout.ENV}/bin/", f"{layout.ENV}/pyvenv.cfg")
"""The interpreter, and the commands that stand before all others on the path."""


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file that the installation put there, and the package took away or changed."""
    seen = set()
    for event, path in _replaced(run):
        if path not in seen:
            seen.add(path)
            yield Match.of(event, run, what="replaced", severity=Severity.HIGH)
    made = {path for _, path in run.written()} - run.installed
    for event in run.events(EventKind.UNLINK, phases=AFTER_INSTALL):
        path = run.absolute(event.path)
        own = in_site(path) and not is_bytecode(path) and path not in made
        if own and path not in seen:
            seen.add(path)
            yield Match.of(event, run)


def _replaced(run: RunView) -> Iterator[tuple[Event, str]]:
    """Installed code that is written to, put elsewhere, or has other code put in its place."""
    for event, path in run.written(phases=AFTER_INSTALL):
        code = path in run.installed and path.endswith(CODE_SUFFIXES) and not is_bytecode(path)
        # Python itself writes bytecode under another name first; only others write it directly.
        forged = event.kind is EventKind.OPEN and in_site(path) and path.endswith(".pyc")
        if event.result >= 0 and (code or forged or path.startswith(_INTERPRETER)):
            yield event, path
    movable = _code_tree(run) | {layout.ENV, f"{layout.ENV}/bin"}
    for event in run.events(EventKind.RENAME, phases=AFTER_INSTALL):
        path = run.absolute(event.path)
        if event.result >= 0 and path in movable:
            yield event, path


def _code_tree(run: RunView) -> set[str]:
    """Installed code, and every folder that holds some."""
    found: set[str] = set()
    for file in run.installed:
        path = file if file.endswith(CODE_SUFFIXES) and not is_bytecode(file) else ""
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return found
