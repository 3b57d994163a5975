"""What a static detector stands for: title, severity by reach, technique and rationale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.static.result import Reach

Level = Literal["info", "low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticKind:
    """One detector. `levels` gives the severity by reach; a reach that is not in it is INFO."""

    title: str
    levels: dict[Reach, Level]
    technique: str = ""
    """MITRE ATT&CK."""
    rationale: str
    """Why it is a sign, and what honest code looks like it."""


def eager(level: Level, *, module: Level, call: Level = "info") -> dict[Reach, Level]:
    """The same level at build, start and import; lower where less is reached. Nothing: INFO."""
    return {
        Reach.BUILD: level,
        Reach.START: level,
        Reach.IMPORT: level,
        Reach.MODULE: module,
        Reach.CALL: call,
    }
