"""What the advisories about a project mean for one of its files: signals and findings, no verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analyzer.advisories.match import Matched, matched
from analyzer.advisories.record import MALICIOUS_PREFIX, Advisory
from models.artifact import ArtifactRef
from models.evidence import Finding, Layer, ProofKind, Severity
from models.facts import FactSignal

SOURCE = "advisories"
"""The source's name in facts."""

KNOWN_MALICIOUS = "known-malicious"
MALICIOUS_RANGE = "malicious-range"
MALICIOUS_SIBLING = "malicious-sibling"
KNOWN_VULNERABLE = "known-vulnerable"
FINDING_IDS = frozenset({KNOWN_MALICIOUS, MALICIOUS_RANGE, MALICIOUS_SIBLING, KNOWN_VULNERABLE})
"""Everything that this source reports."""

SIBLING_FRESH = timedelta(days=90)
"""How long other releases of a project stay under a small suspicion after a record about one of
them appeared. Whoever took a project over may still hold it; popular ones were cleaned within days
(ultralytics 8.3.41 and 8.3.42, December 2024), and their clean releases must be served (ours)."""
MATCHES_STATED_MAX = 20
"""Findings of one kind; signals count all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An advisory in force that speaks of the file, and by what."""

    advisory: Advisory
    by: Matched
    malicious: bool


def matches_of(
    advisories: Sequence[Advisory], ref: ArtifactRef, as_of: datetime
) -> tuple[Match, ...]:
    """What speaks of `ref`, malicious first, then the strongest match; no flaw is told twice.

    A record that is an alias of one already told adds nothing: GHSA, CVE and PYSEC ids of one
    flaw are three names of one thing.
    """
    found = [
        Match(advisory=one, by=by, malicious=_malicious(one, advisories, as_of))
        for one in _in_force(advisories, as_of)
        if (by := matched(one, ref.project, ref.version, ref.sha256)) is not None
    ]
    found.sort(key=lambda match: (not match.malicious, list(Matched).index(match.by), _rank(match)))
    told: set[str] = set()
    kept = []
    for match in found:
        names = {match.advisory.id, *match.advisory.aliases}
        if not names & told:
            kept.append(match)
        told |= names
    return tuple(kept)


def findings_of(
    advisories: Sequence[Advisory], ref: ArtifactRef, as_of: datetime
) -> tuple[Finding, ...]:
    """The findings about `ref`: at most `MATCHES_STATED_MAX` of each kind, the strongest first."""
    found: dict[str, list[Finding]] = {}
    for match in matches_of(advisories, ref, as_of):
        finding = _of(match)
        found.setdefault(finding.id, []).append(finding)
    if KNOWN_MALICIOUS not in found and MALICIOUS_RANGE not in found:
        sibling = _sibling(advisories, ref, as_of)
        if sibling is not None:
            found[MALICIOUS_SIBLING] = [sibling]
    return tuple(one for kind in found.values() for one in kind[:MATCHES_STATED_MAX])


def signals_of(
    advisories: Sequence[Advisory], ref: ArtifactRef, as_of: datetime
) -> tuple[FactSignal, ...]:
    """Counts of records about the project and of matches.

    All are `live_only`: a record about malware is the label itself, and no training may see it.
    """
    matches = matches_of(advisories, ref, as_of)
    counts = {
        "advisories.records": len(_in_force(advisories, as_of)),
        "advisories.withdrawn": len(advisories) - len(_in_force(advisories, as_of)),
        "advisories.malicious": sum(match.malicious for match in matches),
        "advisories.vulnerable": sum(not match.malicious for match in matches),
    }
    return tuple(
        FactSignal(name=name, layer=Layer.REPUTATION, value=value, source=SOURCE, live_only=True)
        for name, value in counts.items()
    )


def _of(match: Match) -> Finding:
    if not match.malicious:
        return _finding(
            KNOWN_VULNERABLE,
            Severity.INFO,
            match.advisory,
            "A record lists a flaw in this version.",
        )
    if match.by is Matched.RANGE:
        return _finding(
            MALICIOUS_RANGE,
            Severity.HIGH,
            match.advisory,
            "A record calls a range of versions malicious, and this one lies in it.",
        )
    what = "these bytes" if match.by is Matched.SHA256 else "this very version"
    return _finding(
        KNOWN_MALICIOUS,
        Severity.CRITICAL,
        match.advisory,
        f"A record calls {what} malicious.",
        proof=ProofKind.KNOWN_MALICIOUS,
    )


def _sibling(advisories: Sequence[Advisory], ref: ArtifactRef, as_of: datetime) -> Finding | None:
    """Another version of the project was malicious: its newest record, if there is one."""
    others = [
        one
        for one in _in_force(advisories, as_of)
        if _malicious(one, advisories, as_of)
        and any(affected.project == ref.project for affected in one.affected)
    ]
    if not others:
        return None
    newest = max(others, key=lambda one: (_began(one), one.id))
    fresh = as_of - _began(newest) < SIBLING_FRESH
    return _finding(
        MALICIOUS_SIBLING,
        Severity.LOW if fresh else Severity.INFO,
        newest,
        "A record calls another version of this project malicious.",
    )


def _finding(
    finding_id: str,
    severity: Severity,
    advisory: Advisory,
    title: str,
    *,
    proof: ProofKind | None = None,
) -> Finding:
    return Finding(
        id=finding_id,
        title=title,
        severity=severity,
        layer=Layer.REPUTATION,
        what=advisory.word,
        proof=proof,
    )


def _in_force(advisories: Iterable[Advisory], as_of: datetime) -> list[Advisory]:
    return [one for one in advisories if one.in_force(as_of)]


def _malicious(one: Advisory, all_: Sequence[Advisory], as_of: datetime) -> bool:
    """Whether it calls something malicious: by its own database, or as an alias of one that does.

    An alias of a record that was withdrawn is no word of its own.
    """
    if one.malicious:
        return True
    withdrawn = {other.id for other in all_ if not other.in_force(as_of)}
    return any(
        alias.startswith(MALICIOUS_PREFIX) and alias not in withdrawn for alias in one.aliases
    )


def _began(one: Advisory) -> datetime:
    return one.published or one.modified


def _rank(match: Match) -> tuple[int, str]:
    """Among equal matches: the database that keeps PyPI's own records first, then by id."""
    order = (MALICIOUS_PREFIX, "PYSEC-", "GHSA-", "CVE-")
    place = next(
        (n for n, prefix in enumerate(order) if match.advisory.id.startswith(prefix)), len(order)
    )
    return place, match.advisory.id
