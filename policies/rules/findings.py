"""Rules by what was found: `findings = ["reverse-shell"]`, `severity = "high"`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.evidence import Severity
from models.trust.findings import SEVERITY_RANK, own_findings
from models.vocabulary import FINDINGS
from policies.case import Case
from policies.reading import Table, did_you_mean
from policies.rules.condition import Match

FINDINGS_MAX = 200
"""Ids in one rule; there are fewer detectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByFinding:
    """The artifact itself has a finding of one of `ids` (any, if empty), at least `severity` bad."""

    ids: tuple[str, ...] = ()
    severity: Severity = Severity.INFO

    def matches(self, case: Case) -> Match:
        """Whether there is one; unknown while nobody has looked."""
        matches = any(
            (not self.ids or finding.id in self.ids)
            and SEVERITY_RANK[finding.severity] >= SEVERITY_RANK[self.severity]
            for finding in own_findings(case.evidence, case.facts)
        )
        if case.evidence is None and not matches:
            return Match.UNKNOWN
        return Match.of(matches=matches)

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - evidence does not end
        """Never."""
        return None


def read(table: Table) -> ByFinding | None:
    """The condition that `table` states, if any."""
    ids = table.strings("findings", FINDINGS_MAX)
    for finding_id in ids:
        if finding_id not in FINDINGS:
            # A misspelt id would never match, and a rule that denies would be a hole.
            table.note(
                "findings",
                f"holds {finding_id!r:.70}, which no detector reports",
                did_you_mean(finding_id, tuple(FINDINGS)),
            )
    stated = table.has("severity")
    severity = table.choice("severity", [level.value for level in Severity], Severity.INFO.value)
    if not ids and not stated:
        return None
    return ByFinding(ids=ids, severity=Severity(severity))
