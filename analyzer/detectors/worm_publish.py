"""Something was published, or an upload was tried, with the user's own tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.commands import command_text
from analyzer.detectors.decoy_read import read_decoys
from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from models.evidence import Severity
from models.phase import Phase
from models.trace import Event, EventKind

DEFINITION = Definition(
    id="worm-publish",
    title="It tried to publish with the user's tokens",
    rationale=(
        "A worm spreads by the tokens that it finds (T28): reads .pypirc or .npmrc and uploads, itself "
        "or by the usual tools. Those tools do it in use, on command; nobody does it unasked."
    ),
    severity=Severity.CRITICAL,
    in_use=Severity.MEDIUM,
    technique="T1195.002",
    techniques=("T28",),
    needs=frozenset({EventKind.DECOY, EventKind.NET, EventKind.EXEC}),
)
TOKENS = frozenset({"pypi-token", "npm-token", "cargo-token", "github-token"})
_UPLOAD = re.compile(
    r"(?:PUT|POST) (?:\S*/legacy/?(?:[? ]|\Z)|\S*/-/(?:npm|user|package)|\S*/api/v\d+/(?:gems|crates/new))"
    r"|PUT /(?:@[\w.~-]+(?:/|%2[fF]))?[\w.~-]+(?: |\Z)"
)
"""First lines of uploads: PyPI's form, npm's documents (a whole package is one PUT), gems and crates."""
_HANDS_OVER = re.compile(r"(?:PUT|POST) ")
_HOST = re.compile(r"(?:test-?)?upload\.|(?:registry|npm|pypi|crates|rubygems)[.-]")
_COMMAND = re.compile(
    r"(?:\A|[;&|(]\s*|\s)(?:\S*/)?(?:(?:npm|pnpm|yarn|bun|poetry|hatch|flit|pdm|uv|cargo|maturin)\s+"
    r"(?:\S+\s+)?publish\b|twine\s+upload\b|gem\s+push\b|python[\d.]*\s+-m\s+(?:twine\s+upload|flit\s+publish)\b"
    r"|(?:python[\d.]*\s+)?setup\.py\s.*\bupload\b)"
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and upload or command; mild where no token was read before."""
    read = {kind for _, kind in read_decoys(run)} & TOKENS
    seen = set()
    for event in run.events(EventKind.NET, EventKind.EXEC):
        what = _publishes(event)
        key = (event.phase, what, event.host or event.address or event.path)
        if what and key not in seen:
            seen.add(key)
            severe = what == "command" or (read and event.phase is not Phase.USE)
            yield Match.of(event, run, what=what, severity=None if severe else Severity.MEDIUM)


def _publishes(event: Event) -> str:
    if event.kind is EventKind.EXEC:
        return "command" if _COMMAND.search(command_text(event.path, event.argv)) else ""
    line = event.detail.partition(" ")[2]
    index = _HOST.match(event.host.lower()) is not None
    if _UPLOAD.match(line) and (index or "/legacy" in line or "/-/" in line):
        return "upload"
    return "upload" if index and _HANDS_OVER.match(line) else ""
