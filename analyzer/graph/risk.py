"""How risky one release of a tree is by itself, and how much of that reaches the root.

In thousandths, so that digested values hold no floats. Parts add up as chances do: the first takes
its share of 1000, the next of what is left. The numbers order cases, they estimate no probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzer.graph.joined import Standing
from analyzer.graph.network import Network
from models.evidence import Severity

FULL = 1_000
"""Thousandths in the whole."""
BRAND_NEW_DAYS = 7
"""Days: of 404 PyPI campaigns most were taken down within a week of their first upload."""
YOUNG_DAYS = 30
"""Days below which an unlisted project counts as young."""
RISKY = 500
"""Thousandths from which a release is called risky; youth alone comes near, and not up to it,
unless the project is brand-new."""
KEPT_PER_HOP = 900
"""Thousandths of a risk that are left after each requirement between. Code of the tenth hop runs as
freely as that of the first; but who is further away serves more others, and is seen by more."""
UNSEEN_KEPT = 250
"""Thousandths left of a part that only says how little is known, once somebody looked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPart:
    """One reason for a risk. `of_ignorance`: it weighs less once the release was approved here."""

    id: str
    milli: int
    meaning: str
    of_ignorance: bool = False


PARTS: Mapping[str, RiskPart] = {
    part.id: part
    for part in (
        RiskPart(id="refused", milli=1_000, meaning="it is refused here"),
        RiskPart(id="malicious", milli=1_000, meaning="an advisory names it as malicious"),
        RiskPart(id="held", milli=600, meaning="it is held here for review or for its age"),
        RiskPart(
            id="brand-new",
            milli=550,
            meaning=f"its project is younger than {BRAND_NEW_DAYS} days and not popular",
            of_ignorance=True,
        ),
        RiskPart(
            id="young",
            milli=400,
            meaning=f"its project is younger than {YOUNG_DAYS} days and not popular",
            of_ignorance=True,
        ),
        RiskPart(
            id="confusable",
            milli=500,
            meaning="its name could be taken for that of a popular project",
            of_ignorance=True,
        ),
        RiskPart(id="finding-high", milli=500, meaning="it has a finding of high severity"),
        RiskPart(id="finding-medium", milli=250, meaning="it has a finding of medium severity"),
        RiskPart(id="owner-changed", milli=350, meaning="its owner or publisher changed"),
        RiskPart(id="monitored", milli=150, meaning="it is served here under watch"),
        RiskPart(
            id="unlisted",
            milli=50,
            meaning="it is none of the most downloaded projects",
            of_ignorance=True,
        ),
        RiskPart(id="unjudged", milli=50, meaning="nobody has judged it here"),
        RiskPart(id="undescribed", milli=50, meaning="what it requires is a guess"),
    )
}
"""Every reason, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The risk of one release, in thousandths, and the ids of its parts."""

    milli: int
    parts: tuple[str, ...] = ()


def own_risk(network: Network, project: str) -> Risk:
    """The risk of one release by itself. A person who allowed it took it, but for an advisory."""
    known = network.known[project]
    ids = tuple(_parts(network, project))
    if known.standing is Standing.OVERRIDDEN:
        ids = tuple(part for part in ids if part == "malicious")
    left = FULL
    for part in (PARTS[one] for one in ids):
        milli = part.milli
        if part.of_ignorance and known.standing is Standing.APPROVED:
            milli = milli * UNSEEN_KEPT // FULL
        left = left * (FULL - milli) // FULL
    return Risk(milli=FULL - left, parts=ids)


def own_risks(network: Network) -> Mapping[str, Risk]:
    """The risk of every release but the root, by project."""
    return {project: own_risk(network, project) for project in network.releases}


def reaching_root(network: Network, risks: Mapping[str, Risk]) -> Mapping[str, int]:
    """What of each risk reaches the root: the most over all paths, which is over the shortest."""
    reached = {}
    for project, risk in risks.items():
        milli = risk.milli
        for _ in range(network.hops[project] - 1):
            milli = milli * KEPT_PER_HOP // FULL
        reached[project] = milli
    return reached


def is_young(network: Network, project: str) -> bool:
    """Whether a project is not popular, and younger than YOUNG_DAYS."""
    days = network.joined.project_days(network.releases[project])
    return network.known[project].rank is None and days is not None and days < YOUNG_DAYS


def _parts(network: Network, project: str) -> Iterator[str]:
    known, release = network.known[project], network.releases[project]
    if known.standing is Standing.REFUSED:
        yield "refused"
    if known.malicious:
        yield "malicious"
    if known.standing is Standing.HELD:
        yield "held"
    if is_young(network, project):
        days = network.joined.project_days(release) or 0
        yield "brand-new" if days < BRAND_NEW_DAYS else "young"
    if known.confusable_with and known.rank is None:
        yield "confusable"
    severities = {found.severity for found in known.findings}
    if severities & {Severity.HIGH, Severity.CRITICAL}:
        yield "finding-high"
    elif Severity.MEDIUM in severities:
        yield "finding-medium"
    if known.owner_changed:
        yield "owner-changed"
    if known.standing is Standing.MONITORED:
        yield "monitored"
    if known.rank is None:
        yield "unlisted"
    if known.standing is Standing.UNJUDGED:
        yield "unjudged"
    if not release.described:
        yield "undescribed"
