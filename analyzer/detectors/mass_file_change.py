"""Many files of the user were changed or removed: encryption and wiping look like this."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.boxpaths import CACHE_DIR, absolute, in_site, within
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.sandbox.layout import HOME
from models.evidence import Severity
from models.phase import Phase
from models.trace import EventKind

FILES_MIN = 10
"""Different files of the home folder renamed or deleted; libraries do that to none (T30: 30)."""
DEFINITION = Definition(
    id="mass-file-change",
    title="Many files of the user were changed",
    rationale="Ransomware and wipers go through the home folder; formatters do so only when told.",
    severity=Severity.HIGH,
    technique="T1486",
    needs=frozenset({EventKind.UNLINK, EventKind.RENAME}),
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match: at the file that makes it many."""
    own = {path for event, path in run.written() if event.result >= 0}
    touched = set()
    phases = (Phase.START, Phase.IMPORT)
    for event in run.events(EventKind.UNLINK, EventKind.RENAME, phases=phases):
        path = absolute(event.path)
        if within(path, HOME) and not within(path, CACHE_DIR) and not in_site(path):
            touched |= {path} - own
        if len(touched) >= FILES_MIN:
            yield Match.of(event, run)
            return
