"""The package deleted its own files: traces are wiped so."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.boxpaths import absolute, in_site, is_bytecode
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Phase, Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="own-files-deleted",
    title="It deleted its own files",
    rationale="A loader that removes itself is hiding; caches and temporary files are another matter.",
    severity=Severity.MEDIUM,
    technique="T1070.004",
    needs=frozenset({EventKind.UNLINK}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each file that the installation put there, and the package took away."""
    written = {path for _, path in run.written()}
    seen = set()
    for event in run.events(EventKind.UNLINK, phases=(Phase.START, Phase.IMPORT)):
        path = absolute(event.path)
        own = in_site(path) and not is_bytecode(path) and path not in written
        if own and path not in seen:
            seen.add(path)
            yield Match.of(event, run)
