"""Which findings are charged to an artifact, and how repeated ones count."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from models.artifact import project_of
from models.evidence import Evidence, Finding, Layer, Severity
from models.facts import Facts

SEVERITY_RANK = {
    Severity.INFO: 0,
    Severity.LOW: 1,
    Severity.MEDIUM: 2,
    Severity.HIGH: 3,
    Severity.CRITICAL: 4,
}


def own_findings(evidence: Evidence | None, facts: Facts | None = None) -> tuple[Finding, ...]:
    """The findings of the artifact itself: what pip or a dependency did is never charged to it.

    Those of evidence first, then those of `facts`, which are about this very file and its project.
    """
    told = facts.findings if facts else ()
    if evidence is None:
        return told
    own = project_of(evidence.filename)
    seen = tuple(
        finding
        for finding in evidence.findings
        if not finding.owner or own is None or canonicalize_name(finding.owner) == own
    )
    return seen + told


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """By severity, then in an order that does not depend on who reported first."""
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                -SEVERITY_RANK[f.severity],
                f.layer,
                f.id,
                f.what,
                f.phase or "",
                f.at_ms,
                f.place.host,
                f.place.address,
                f.place.path,
            ),
        )
    )


def distinct(findings: tuple[Finding, ...], *, objects_max: int) -> tuple[Finding, ...]:
    """One finding for each layer, id and object, at most `objects_max` of one id, the worst first.

    A hundred files with one flaw are one fact; three different secrets read are three.
    """
    objects: dict[tuple[Layer, str], set[str]] = {}
    kept = []
    for finding in worst_first(findings):
        seen = objects.setdefault((finding.layer, finding.id), set())
        if finding.what not in seen and len(seen) < objects_max:
            seen.add(finding.what)
            kept.append(finding)
    return tuple(kept)
