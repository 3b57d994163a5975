"""The evidence document: everything one analysis says, held below its bound without silence."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from analyzer.clean import printable, printable_lines
from analyzer.interpreter import Interpreter
from analyzer.sandbox.protocol import PhaseResult
from models.canonical import canonical_json
from models.evidence import (
    EVIDENCE_BYTES_MAX,
    Analyzer,
    Evidence,
    Finding,
    Layer,
    PhaseReport,
    Severity,
    Signal,
)
from models.phase import Phase
from models.trace import Event

FINDINGS_MAX = 200
"""Findings of one document, proofs and severe ones first."""
OUTPUT_TAIL_CHARS_MAX = 4000
"""Characters of `PhaseReport.output_tail`."""
_COUNT_MAX = 2**53 - 1
"""The largest integer of canonical JSON (RFC 8785 has the numbers of RFC 7493)."""
_RANK = {severity: rank for rank, severity in enumerate(reversed(Severity))}


@cache
def version() -> str:
    """The version of this analyzer."""
    try:
        return importlib.metadata.version("pratique")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def analyzer_of(interpreter: Interpreter, worker: str) -> Analyzer:
    """Who looks, and with what."""
    return Analyzer(
        version=version(),
        python=printable(interpreter.version),
        platform=printable(interpreter.platform),
        kernel=printable(platform.release()),
        worker=printable(worker),
    )


def phase_report(result: PhaseResult, events: Iterable[Event]) -> PhaseReport:
    """One phase, with its events counted by kind."""
    phase = Phase(result.phase)
    kinds: dict[str, int] = {}
    for event in events:
        if event.phase is phase:
            kinds[event.kind.value] = kinds.get(event.kind.value, 0) + 1
    return PhaseReport(
        phase=phase,
        exit_code=result.exit_code,
        wall_ms=max(0, result.wall_ms),
        ended=printable(result.ended, 40),
        syscalls=tuple(
            sorted((printable(name, 40), count) for name, count in result.syscalls.items())
        ),
        events=tuple(sorted(kinds.items())),
        output_tail=printable_lines(result.output_tail, OUTPUT_TAIL_CHARS_MAX),
    )


def signal(name: str, value: int | bool | str | None, phase: Phase | None = None) -> Signal:
    """A signal of the behaviour layer; counts are cut at what canonical JSON can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = min(value, _COUNT_MAX)
    return Signal(name=f"behaviour.{name}", layer=Layer.BEHAVIOUR, value=value, phase=phase)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Proofs, then by severity, otherwise in the order in which they were made."""
    return sorted(findings, key=lambda found: (found.proof is None, _RANK[found.severity]))


def within_bound(evidence: Evidence, *, bytes_max: int = EVIDENCE_BYTES_MAX) -> Evidence:
    """The evidence, trimmed where it must be; what was left out stands in signals."""
    findings = worst_first(evidence.findings)
    evidence = _with_findings(evidence, findings, min(len(findings), FINDINGS_MAX))
    if _size(evidence) <= bytes_max:
        return evidence
    evidence = _noted(
        replace(
            evidence,
            phases=tuple(replace(phase, output_tail="") for phase in evidence.phases),
        ),
        "evidence.output_left_out",
        value=True,
    )
    kept = min(len(findings), FINDINGS_MAX)
    while _size(evidence) > bytes_max and kept:
        kept //= 2
        evidence = _with_findings(evidence, findings, kept)
    if _size(evidence) > bytes_max:
        evidence = _noted(
            replace(evidence, dependencies=()),
            "evidence.dependencies_left_out",
            value=len(evidence.dependencies),
        )
    if _size(evidence) > bytes_max:
        # It cannot be compared with any more: better no baseline than half of one.
        evidence = _noted(
            replace(evidence, profile=None, changes=None), "evidence.profile_left_out", value=True
        )
    if _size(evidence) > bytes_max:
        evidence = _noted(
            replace(evidence, contents=None, contents_changes=None),
            "evidence.contents_left_out",
            value=True,
        )
    return evidence


def _with_findings(evidence: Evidence, findings: list[Finding], kept: int) -> Evidence:
    cut = replace(evidence, findings=tuple(findings[:kept]))
    left_out = len(findings) - kept
    return _noted(cut, "evidence.findings_left_out", value=left_out) if left_out else cut


def _noted(evidence: Evidence, name: str, *, value: int | bool) -> Evidence:
    others = tuple(signal for signal in evidence.signals if signal.name != name)
    return replace(
        evidence, signals=(*others, Signal(name=name, layer=Layer.METADATA, value=value))
    )


def _size(evidence: Evidence) -> int:
    return len(canonical_json(evidence))
