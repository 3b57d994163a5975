"""What in a dependency graph is worth a finding; each definition stands beside its rule's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzer.graph.joined import Standing
from analyzer.graph.network import Network
from analyzer.graph.risk import BRAND_NEW_DAYS, RISKY, YOUNG_DAYS, Risk, is_young, own_risks
from models.evidence import Finding, Layer, Place, Severity
from models.phase import Text
from models.trust.findings import worst_first

FINDINGS_MAX = 20
"""Findings of one graph, the gravest first."""
UNSETTLED_DAYS = 90
"""Days below which a project's age is the second sign that a name close to another's asks for."""
TECHNIQUE = "T1195.001"
"""Supply Chain Compromise: Software Dependencies and Development Tools."""
PATH_CHARS_MAX = 300
"""Characters of a path as it is shown, as in `models.phase.Text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFinding:
    """What a finding means, and the worst severity that it is given."""

    id: str
    title: Text
    severity: Severity
    rationale: str


DEFINITIONS: Mapping[str, GraphFinding] = {
    one.id: one
    for one in (
        GraphFinding(
            id="dependency-refused",
            title="It depends on a release that is refused here, or known to be malicious",
            severity=Severity.HIGH,
            rationale="Whoever installs it asks for that release as well, and is refused there.",
        ),
        GraphFinding(
            id="dependency-new-risky",
            title="It newly depends on a release that is risky",
            severity=Severity.HIGH,
            rationale="How a hijacked project is armed without a line of its own code: the release "
            "before did not need it, and it is brand-new, held, confusable or has grave findings "
            f"(own risk of {RISKY} thousandths or more).",
        ),
        GraphFinding(
            id="dependency-held",
            title="It depends on a release that is held here",
            severity=Severity.MEDIUM,
            rationale="Somebody has to look at that one first.",
        ),
        GraphFinding(
            id="dependency-young",
            title="It depends on a young project that hardly anybody uses",
            severity=Severity.MEDIUM,
            rationale=f"First uploaded less than {YOUNG_DAYS} days ago, not among the most downloaded, "
            "and not approved here. Medium where the release before did not need it or where the "
            "dependent is popular; else low, for new projects are often made of new projects.",
        ),
        GraphFinding(
            id="dependency-confusable",
            title="It depends on a project whose name is close to that of a popular one",
            severity=Severity.MEDIUM,
            rationale="Medium with a second sign (it is newly needed, or its project is younger than "
            f"{UNSETTLED_DAYS} days); else low. None where it was approved here.",
        ),
        GraphFinding(
            id="dependency-owner-changed",
            title="It depends on a project whose owner or publisher changed",
            severity=Severity.MEDIUM,
            rationale="Medium where it is newly needed or not among the most downloaded; else low. "
            "None where the release was approved here.",
        ),
    )
}
"""Every finding of the source `graph`, by id."""


def findings_of(network: Network) -> tuple[Finding, ...]:
    """The findings of a network, the gravest first; at most FINDINGS_MAX.

    Direct URLs are not among them: evidence has those of the whole tree (`direct-url-dependency`).
    """
    risks = own_risks(network)
    found = [one for project in network.releases for one in _about(network, project, risks)]
    return worst_first(tuple(found))[:FINDINGS_MAX]


def _about(network: Network, project: str, risks: Mapping[str, Risk]) -> Iterator[Finding]:
    known = network.known[project]
    added = project in network.joined.added
    if known.standing is Standing.REFUSED or known.malicious:
        yield _finding(network, project, "dependency-refused", Severity.HIGH)
        return  # that it is also young, say, adds nothing
    if added and risks[project].milli >= RISKY and not _root_is_new(network):
        yield _finding(network, project, "dependency-new-risky", Severity.HIGH)
        return
    if known.standing is Standing.HELD:
        yield _finding(network, project, "dependency-held", Severity.MEDIUM)
    if known.standing.trusted:
        return
    if is_young(network, project):
        weighs = not _root_is_new(network) and (added or _root_is_popular(network))
        yield _finding(network, project, "dependency-young", _medium(weighs))
    if known.confusable_with and known.rank is None:
        yield _finding(
            network,
            project,
            "dependency-confusable",
            _medium(added or _unsettled(network, project)),
        )
    if known.owner_changed:
        weighs = added or known.rank is None
        yield _finding(network, project, "dependency-owner-changed", _medium(weighs))


def _medium(weighs: bool) -> Severity:
    return Severity.MEDIUM if weighs else Severity.LOW


def _finding(network: Network, project: str, finding_id: str, severity: Severity) -> Finding:
    release = network.releases[project]
    return Finding(
        id=finding_id,
        title=DEFINITIONS[finding_id].title,
        severity=severity,
        layer=Layer.PROVENANCE,
        technique=TECHNIQUE,
        what="direct" if network.hops[project] == 1 else "transitive",
        place=Place(
            path=path_words(network.path(project)),
            excerpt=f"{release.project}=={release.version}"[:PATH_CHARS_MAX],
        ),
    )


def path_words(path: tuple[str, ...]) -> str:
    """`a > b > c`; of a long path the middle is left out, so that both ends are seen."""
    names = [name for name in path if name]
    text = " > ".join(names)
    if len(text) <= PATH_CHARS_MAX:
        return text
    return f"{names[0]} > ({len(names) - 2} more) > {names[-1]}"[-PATH_CHARS_MAX:]


def _root_is_popular(network: Network) -> bool:
    return network.known[network.root].rank is not None


def _root_is_new(network: Network) -> bool:
    """Whether the dependent's own project is as new: then its reputation says so, not its graph."""
    root = network.joined.tree.release(network.root)
    days = network.joined.project_days(root) if root else None
    return not _root_is_popular(network) and days is not None and days < BRAND_NEW_DAYS


def _unsettled(network: Network, project: str) -> bool:
    days = network.joined.project_days(network.releases[project])
    return days is not None and days < UNSETTLED_DAYS
