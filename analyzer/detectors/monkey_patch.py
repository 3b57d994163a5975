"""Parts of another package, or of the standard library, were replaced by an import."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.clean import printable
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.network_connect import counts
from analyzer.detectors.view import RunView
from models.evidence import Place, Severity
from models.phase import Phase
from models.trace import EventKind

DEFINITION = Definition(
    id="monkey-patch",
    title="Functions of others were replaced on import",
    rationale=(
        "Whoever replaces `ssl.SSLSocket.send` or `getpass.getpass` reads what others say (T08). gevent "
        "and tracers do so too, mostly when told; with a connection beside it a person should look. "
        "The runner's word for it comes out of the package's own process: believed against it only."
    ),
    severity=Severity.LOW,
    in_use=Severity.LOW,
    technique="T1574",
    techniques=("T08",),
    needs=frozenset({EventKind.CONNECT}),
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each replaced name, in the phase of the imports."""
    if not run.patched:
        return
    speaks = any(
        counts(event)
        for event in run.events(EventKind.CONNECT, EventKind.NET, phases=(Phase.IMPORT,))
    )
    for name in run.patched:
        yield Match(
            phase=Phase.IMPORT,
            at_us=0,
            what="replaced",
            place=Place(path=printable(name)),
            severity=Severity.MEDIUM if speaks else None,
        )
