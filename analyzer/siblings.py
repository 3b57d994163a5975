"""Whether the wheel and the sdist of one release hold the same Python files. Pure.

A wheel is built out of its sdist, or so everybody thinks who reads one and installs the other.
Files are compared by their text alone, wherever they lie: builds rename roots, leave tests out and
write version files.
"""

from __future__ import annotations

import re

from analyzer.contents import hashes_of
from analyzer.inventory import ReaderReport
from analyzer.static.telling import severity_of
from models.contents import Contents, ContentsBaseline
from models.evidence import Finding, Layer, Place, Severity, Signal
from models.phase import Phase

FINDING_ID = "sdist-wheel-differ"
GENERATED = re.compile(
    r"(?:^|/)(?:_?_?version(?:_?info)?_?_?|_version_.*|__about__|_?build_?info|_?config|__config__"
    r"|_?distributor_init|_git_?\w*|_?revision|release|.*_pb2(?:_grpc)?|_generated|generated)\.pyi?\Z"
    r"|(?:^|/)_?(?:generated|vendor|vendored|proto|protos|grpc)/",
    re.IGNORECASE,
)
"""Files that builds write: versions, build settings, protocol stubs."""
_WEIGHS = frozenset({Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL})


def compare_sibling(
    report: ReaderReport, contents: Contents | None, sibling: ContentsBaseline | None
) -> tuple[tuple[Signal, ...], tuple[Finding, ...]]:
    """What the wheel has that the sdist has not, from either side; nothing where one is not known."""
    if contents is None or sibling is None:
        return (), ()
    ours, theirs = hashes_of(contents.code), hashes_of(sibling.contents.code)
    if not ours or not theirs:
        return (), ()
    if report.kind == "sdist":
        return _signals(len(theirs - ours)), ()
    strange = [line[17:] for line in report.code if bytes.fromhex(line[:16]) not in theirs]
    written = [path for path in strange if not GENERATED.search(path)]
    return _signals(len(written)), _findings(report, written, sibling)


def _findings(
    report: ReaderReport, written: list[str], sibling: ContentsBaseline
) -> tuple[Finding, ...]:
    if not written:
        return ()
    among = frozenset(written)
    static = report.static
    hooks = [path for path in written if path.endswith((".pth", ".start"))]
    # Builds write hooks (setuptools, coverage, namespace packages); what those do is told elsewhere.
    doubtful = [
        match.path
        for match in (static.matches if static else ())
        if match.path in among and match.path not in hooks and severity_of(match) in _WEIGHS
    ]
    told = (doubtful or hooks or written)[0]
    severity = Severity.HIGH if doubtful else Severity.MEDIUM if hooks else Severity.LOW
    return (
        Finding(
            id=FINDING_ID,
            title="The wheel holds Python files that the sdist of its release does not",
            severity=severity,
            layer=Layer.METADATA,
            phase=Phase.INVENTORY,
            technique="T1195.002",
            what="doubtful" if doubtful else "hook" if hooks else "file",
            place=Place(
                path=told, excerpt=f"{len(written)} file(s) not in {sibling.filename}"[:300]
            ),
        ),
    )


def _signals(differing: int) -> tuple[Signal, ...]:
    return (
        Signal(
            name="metadata.wheel_files_not_in_sdist",
            layer=Layer.METADATA,
            value=differing,
            phase=Phase.INVENTORY,
        ),
    )
