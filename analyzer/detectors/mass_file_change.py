"""Many files of the user were changed or removed: encryption and wiping look like this."""

from __future__ import annotations

import os
from collections.abc import Iterator

from analyzer.boxpaths import CACHE_DIR, WRITE_FLAGS, in_site, within
from analyzer.detectors.decoy_written import CHANGES
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.sandbox.layout import HOME
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

FILES_MIN = 5
"""Different files of the home folder renamed, deleted or overwritten that were there before; libraries
do that to none."""
DECOYS_MIN = 4
"""Decoys that were changed: nobody else has a reason to touch even one."""
_KINDS = (EventKind.UNLINK, EventKind.RENAME, EventKind.OPEN, EventKind.DECOY)
DEFINITION = Definition(
    id="mass-file-change",
    title="Many files of the user were changed",
    rationale="Ransomware and wipers go through the home folder; formatters do so only when told.",
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1486",
    techniques=("T30",),
    needs=frozenset({EventKind.UNLINK, EventKind.RENAME, EventKind.OPEN, EventKind.DECOY}),
)


def detect(run: RunView) -> Iterator[Match]:
    """At most one match for use and one for the other phases: at the file that makes it many."""
    told = set()
    files: dict[bool, set[str]] = {False: set(), True: set()}
    decoys: dict[bool, set[str]] = {False: set(), True: set()}
    for event, path in _changes(run):
        used = event.phase is Phase.USE
        (decoys if event.kind is EventKind.DECOY else files)[used].add(path)
        many = len(files[used]) >= FILES_MIN or len(decoys[used]) >= DECOYS_MIN
        if many and used not in told:
            told.add(used)
            yield Match.of(event, run)


def _changes(run: RunView) -> Iterator[tuple[Event, str]]:
    """Files of the user that were changed: there before this run, and not made by it.

    A trace does not say whether a file was there. One that was read before it was written was; one
    that is opened for writing without being created, too; one that was first created was not.
    """
    own: set[str] = set()
    read: set[str] = set()
    for event in run.events(*_KINDS):
        if event.kind is EventKind.DECOY:
            if event.detail in CHANGES:
                yield event, event.path
            continue
        if event.phase is Phase.INSTALL and not event.path.startswith("/"):
            continue  # of a build tree, whose folder the trace has lost sight of
        path = run.real(event.path)
        theirs = within(path, HOME) and not within(path, CACHE_DIR) and not in_site(path)
        if not theirs or event.result < 0:
            continue
        if event.kind is not EventKind.OPEN:
            if path not in own:
                yield event, path
            own |= {run.real(event.path2)} if event.kind is EventKind.RENAME else set()
        elif not event.flags & WRITE_FLAGS:
            read |= {path} - own
        elif path in read or (path not in own and not event.flags & os.O_CREAT):
            yield event, path
        else:
            own.add(path)
