"""The settings of an AI agent were changed: it then does the attacker's bidding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.detectors.definition import Definition, Match
from analyzer.detectors.view import RunView
from analyzer.sandbox.layout import HOME, WORK
from models.evidence import Severity
from models.trace import EventKind

DEFINITION = Definition(
    id="agent-config-write",
    title="Settings of an AI agent were changed",
    rationale="Agents obey their settings and instruction files; a package has no say in them (T29).",
    severity=Severity.HIGH,
    in_use=Severity.MEDIUM,
    technique="T1547",
    techniques=("T29",),
    needs=frozenset({EventKind.OPEN, EventKind.RENAME, EventKind.LINK}),
)
_PLACE = re.compile(
    rf"(?:{re.escape(HOME)}|{re.escape(WORK)})/"
    r"(?:\.(?:claude|cursor|codex|gemini|windsurf|continue|aider|copilot|roo|cline|amazonq|kiro|qwen"
    r"|opencode|vscode/mcp)(?:[./].*)?"
    r"|\.config/(?:github-copilot|mcp|Claude|opencode|goose|zed)/.*|\.mcp\.json"
    r"|\.(?:cursor|windsurf|cline)rules|\.github/copilot-instructions\.md"
    r"|(?:CLAUDE|AGENTS|GEMINI)(?:\.local)?\.md)\Z"
)


def detect(run: RunView) -> Iterator[Match]:
    """One match for each phase and file."""
    seen = set()
    for event, path in run.written():
        if _PLACE.match(path) and (event.phase, path) not in seen:
            seen.add((event.phase, path))
            yield Match.of(event, run, what="agent-config")
