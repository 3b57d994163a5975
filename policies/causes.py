"""The reasons that a decision states, made from evidence and facts; package text is vetted here."""

from __future__ import annotations

import re

from models.decision import Reason, ReasonCode, reason
from models.evidence import Finding, ProofKind, Severity, Shortfall
from models.reason import address_word, host_word
from models.trust.findings import SEVERITY_RANK, distinct, own_findings, worst_first
from policies.case import Case

FINDINGS_STATED_MAX = 8
"""Findings that a decision states; the rest stand in the evidence it names."""
OBJECTS_STATED_MAX = 3
"""Findings of one id that a decision states, each about another object."""

_PROOFS = {
    ProofKind.CANARY_LEFT: ReasonCode.PROOF_CANARY_LEFT,
    ProofKind.KNOWN_MALICIOUS: ReasonCode.PROOF_KNOWN_MALICIOUS,
    ProofKind.HASH_MISMATCH: ReasonCode.PROOF_HASH_MISMATCH,
}
_WORD = re.compile(r"[A-Za-z0-9-]{1,40}\Z")


def proof_reasons(case: Case) -> tuple[Reason, ...]:
    """The proofs against the artifact itself, worst first; facts alone may hold one."""
    proofs = [f for f in own_findings(case.evidence, case.facts) if f.proof is not None]
    return tuple(
        _of_finding(_PROOFS[finding.proof], finding)
        for finding in _stated(tuple(proofs))
        if finding.proof is not None
    )


def finding_reasons(case: Case) -> tuple[Reason, ...]:
    """The findings that move a score, worst first."""
    return tuple(
        _of_finding(ReasonCode.FINDING, finding)
        for finding in _stated(own_findings(case.evidence, case.facts))
        if finding.severity is not Severity.INFO
    )


def finding_reason(case: Case, ids: frozenset[str]) -> Reason | None:
    """The worst finding whose id is one of `ids`."""
    own = own_findings(case.evidence, case.facts)
    found = next((f for f in worst_first(own) if f.id in ids), None)
    return None if found is None else _of_finding(ReasonCode.FINDING, found)


def has_severe(case: Case) -> bool:
    """Whether the artifact itself has a finding that caps its score inside QUARANTINE."""
    return any(
        SEVERITY_RANK[finding.severity] >= SEVERITY_RANK[Severity.HIGH]
        for finding in own_findings(case.evidence, case.facts)
    )


def shortfall_reason(shortfall: Shortfall) -> Reason:
    """Why a run did not see everything."""
    if shortfall is Shortfall.WRONG_PLATFORM:
        return reason(ReasonCode.WRONG_PLATFORM)
    return reason(ReasonCode.INCOMPLETE, shortfall=shortfall.value)


def _stated(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return distinct(findings, objects_max=OBJECTS_STATED_MAX)[:FINDINGS_STATED_MAX]


def _of_finding(code: ReasonCode, finding: Finding) -> Reason:
    what = finding.what if _WORD.match(finding.what) else ""
    if code is ReasonCode.PROOF_KNOWN_MALICIOUS:
        return reason(code, finding=finding.id, advisory=what)
    return reason(
        code,
        finding=finding.id,
        layer=finding.layer.value,
        what=what,
        host=host_word(finding.place.host),
        address=address_word(finding.place.address),
        phase=finding.phase.value if finding.phase else "",
    )
