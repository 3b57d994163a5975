"""What sources of facts may report: a row for every signal and finding, which docs/facts.md is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.evidence import Finding, Layer, Place, Severity
from models.facts import FactSignal


class Direction(StrEnum):
    """How a signal leans; for whoever reads or trains, not for the rules scorer."""

    MORE_IS_BETTER = "more is better"
    MORE_IS_WORSE = "more is worse"
    NEITHER = "neither by itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalKind:
    """One signal: what is measured, in what unit, and whether training may look at it."""

    name: str
    unit: str
    source: str
    layer: Layer
    live_only: bool
    """Only living projects have it (`models.facts.FactSignal.live_only`)."""
    direction: Direction
    meaning: str

    def told(self, value: int | bool | str | None) -> FactSignal:
        """The signal with its value; None: asked, and there is none."""
        return FactSignal(
            name=self.name,
            layer=self.layer,
            value=value,
            source=self.source,
            live_only=self.live_only,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingKind:
    """One finding. `severity` is the worst that it may have; the rationale says when it has less."""

    id: str
    title: str
    severity: Severity
    layer: Layer
    source: str
    technique: str = ""
    """MITRE ATT&CK; empty where none fits."""
    rationale: str

    def found(
        self, severity: Severity | None = None, *, what: str = "", place: str = ""
    ) -> Finding:
        """A match. `place` is text for people, printable and bounded by its maker."""
        return Finding(
            id=self.id,
            title=self.title,
            severity=severity or self.severity,
            layer=self.layer,
            technique=self.technique,
            what=what,
            place=Place(path=place),
        )
