"""A download tool was started."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.detectors.commands import installs, names_downloader, pipes_into_shell
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="exec-downloader",
    title="A download tool was run",
    rationale=(
        "curl, wget or netcat fetch the next stage (T09). Some builds fetch sources with them, "
        "which is worth a person's look but no more, unless what is fetched goes straight to a shell. "
        "So is a package manager, or git, that is told to bring something new."
    ),
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1105",
    techniques=("T01", "T09"),
    needs=frozenset({EventKind.EXEC}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and command; an attempt that found no such tool counts too."""
    seen = set()
    for event in run.executed():
        key = (event.phase, event.argv)
        if key not in seen and _fetches(event):
            seen.add(key)
            yield Match.of(event, run, severity=_severity(event))


def _fetches(event: Event) -> bool:
    return names_downloader(event.path, event.argv) or installs(event.path, event.argv)


def _severity(event: Event) -> Severity | None:
    if pipes_into_shell(event.path, event.argv):
        return None
    if not names_downloader(event.path, event.argv):
        return Severity.LOW if event.phase is Phase.USE else Severity.MEDIUM
    mild = {Phase.INSTALL: Severity.MEDIUM, Phase.USE: Severity.LOW}
    return mild.get(event.phase)
