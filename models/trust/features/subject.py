"""What features are measured from: evidence, and the facts that training may know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from models.behaviour import ActKind, BehaviourProfile
from models.evidence import Evidence, Finding, Layer
from models.facts import Facts
from models.phase import Phase
from models.trust.features.masks import is_about_marker
from models.trust.findings import SEVERITY_RANK, own_findings

Value = int | bool | str | None

READ_SIGNAL = ("metadata.refused", Phase.INVENTORY)
"""There is a report of the reader wherever there is this signal."""
STATIC_SIGNAL = ("metadata.static_files", Phase.INVENTORY)
"""Its sources were read as code wherever there is this one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One artifact's evidence, looked up by name; facts that only the living have are left out."""

    evidence: Evidence
    findings: tuple[Finding, ...]
    """The artifact's own, of evidence alone: those of facts hang on what the index says today."""
    signals: dict[tuple[str, Phase | None], Value] = field(repr=False)
    told: dict[str, Value] = field(repr=False)
    """Signals of facts that are not `live_only`."""
    worst: dict[tuple[Layer, str], int] = field(repr=False)
    """The worst severity (0 info … 4 critical) by layer and id."""
    worst_in: dict[Phase, dict[str, int]] = field(repr=False)
    """The same of the behaviour layer, by phase and id."""
    kinds: dict[str, frozenset[str]] = field(repr=False)
    """What was touched (`Finding.what`), by id."""
    acts: dict[tuple[ActKind, Phase], frozenset[str]] = field(repr=False)
    """What was touched by acts of one kind in one phase."""
    ran: frozenset[Phase] = field(repr=False)
    """The phases that ran; empty where the behaviour layer was not measured."""
    is_read: bool = field(repr=False)
    """Whether a reader reported on the archive."""
    is_read_as_code: bool = field(repr=False)
    """Whether its sources were read as code."""

    @classmethod
    def of(cls, evidence: Evidence, facts: Facts | None = None) -> Subject:
        """The subject of one judgement."""
        own = own_findings(evidence)
        findings = tuple(found for found in own if not is_about_marker(found))
        signals = {(signal.name, signal.phase): signal.value for signal in evidence.signals}
        told = facts.signals if facts else ()
        reading = Layer.METADATA in evidence.layers
        running = Layer.BEHAVIOUR in evidence.layers
        return cls(
            evidence=evidence,
            findings=findings,
            signals=signals,
            told={signal.name: signal.value for signal in told if not signal.live_only},
            worst=_worst(findings),
            worst_in=_worst_in(findings),
            kinds=_kinds(findings),
            acts=_acts(evidence.profile),
            ran=frozenset(report.phase for report in evidence.phases) if running else frozenset(),
            is_read=reading and READ_SIGNAL in signals,
            is_read_as_code=reading and STATIC_SIGNAL in signals,
        )

    def measured(self, layer: Layer) -> bool:
        """Whether this evidence measured a layer."""
        return layer in self.evidence.layers


def _worst(findings: Iterable[Finding]) -> dict[tuple[Layer, str], int]:
    worst: dict[tuple[Layer, str], int] = {}
    for found in findings:
        key = (found.layer, found.id)
        worst[key] = max(SEVERITY_RANK[found.severity], worst.get(key, 0))
    return worst


def _worst_in(findings: Iterable[Finding]) -> dict[Phase, dict[str, int]]:
    worst: dict[Phase, dict[str, int]] = {}
    for found in findings:
        if found.layer is Layer.BEHAVIOUR and found.phase is not None:
            here = worst.setdefault(found.phase, {})
            here[found.id] = max(SEVERITY_RANK[found.severity], here.get(found.id, 0))
    return worst


def _kinds(findings: Iterable[Finding]) -> dict[str, frozenset[str]]:
    kinds: dict[str, set[str]] = {}
    for found in findings:
        kinds.setdefault(found.id, set()).add(found.what)
    return {key: frozenset(what) for key, what in kinds.items()}


def _acts(profile: BehaviourProfile | None) -> dict[tuple[ActKind, Phase], frozenset[str]]:
    acts: dict[tuple[ActKind, Phase], set[str]] = {}
    for act in profile.acts if profile else ():
        if not is_about_marker(act):
            acts.setdefault((act.kind, act.phase), set()).add(act.value)
    return {key: frozenset(values) for key, values in acts.items()}
