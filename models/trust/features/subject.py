"""What features are measured from: evidence, and the facts that training may know."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.evidence import Evidence, Finding, Layer
from models.facts import Facts
from models.phase import Phase
from models.trust.findings import own_findings


@dataclass(frozen=True, slots=True)
class Subject:
    """One artifact's evidence, looked up by name; facts that only the living have are left out."""

    evidence: Evidence
    findings: tuple[Finding, ...]
    """The artifact's own, those of facts included."""
    signals: dict[tuple[str, Phase | None], int | bool | str | None] = field(repr=False)
    told: dict[str, int | bool | str | None] = field(repr=False)
    """Signals of facts that are not `live_only`."""

    @classmethod
    def of(cls, evidence: Evidence, facts: Facts | None = None) -> Subject:
        """The subject of one judgement."""
        told = facts.signals if facts else ()
        return cls(
            evidence=evidence,
            findings=own_findings(evidence, facts),
            signals={(signal.name, signal.phase): signal.value for signal in evidence.signals},
            told={signal.name: signal.value for signal in told if not signal.live_only},
        )

    def measured(self, layer: Layer) -> bool:
        """Whether this evidence measured a layer."""
        return layer in self.evidence.layers
