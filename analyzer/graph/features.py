"""The features of a dependency graph, as fact signals: one table, from which docs are made as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from analyzer.graph.joined import Standing
from analyzer.graph.network import Network, largest, makers
from analyzer.graph.risk import FULL, Risk, is_young, own_risks, reaching_root
from models.evidence import Layer
from models.facts import FactSignal

SOURCE = "graph"
"""The name of the source that these signals come from."""

Value = int | bool | str | None


@dataclass(frozen=True)
class Reading:
    """A network with what several features need of it."""

    network: Network

    @cached_property
    def risks(self) -> dict[str, Risk]:
        """Own risks by project."""
        return dict(own_risks(self.network))

    @cached_property
    def reaching(self) -> dict[str, int]:
        """What reaches the root, by project."""
        return dict(reaching_root(self.network, self.risks))

    @cached_property
    def riskiest(self) -> str | None:
        """The project whose risk reaches the root the most; of several the first by name."""
        return min(self.reaching, key=lambda name: (-self.reaching[name], name), default=None)

    @cached_property
    def weak(self) -> tuple[str, ...]:
        """Releases that are young, or not popular and judged by nobody."""
        known = self.network.known
        return tuple(
            name
            for name in self.network.releases
            if is_young(self.network, name)
            or (known[name].rank is None and not known[name].standing.trusted)
        )

    def standing(self, *kinds: Standing) -> int:
        """How many releases stand so."""
        known = self.network.known
        return sum(known[name].standing in kinds for name in self.network.releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One signal. `unit` empty: a count. None as a value: there is nothing to measure it on."""

    name: str
    meaning: str
    measure: Callable[[Reading], Value]
    unit: str = ""
    live_only: bool = True
    """Made from what the index says of living projects: training must not use it."""


def features_of(network: Network) -> tuple[FactSignal, ...]:
    """Every feature of a network, in the order of the table."""
    reading = Reading(network)
    return tuple(
        FactSignal(
            name=feature.name,
            layer=Layer.PROVENANCE,
            value=feature.measure(reading),
            source=SOURCE,
            live_only=feature.live_only,
        )
        for feature in FEATURES
    )


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _youngest_release(reading: Reading) -> Value:
    network = reading.network
    return _least(network.joined.release_days(one) for one in network.releases.values())


def _youngest_project(reading: Reading) -> Value:
    network = reading.network
    return _least(network.joined.project_days(one) for one in network.releases.values())


def _least_score(reading: Reading) -> Value:
    known = reading.network.known
    return _least(known[name].score for name in reading.network.releases)


def _least_standing(reading: Reading) -> Value:
    known = reading.network.known
    judged = {
        known[name].standing
        for name in reading.network.releases
        if known[name].standing is not Standing.UNJUDGED
    }
    return next((one.value for one in Standing if one in judged), None)


def _added(reading: Reading) -> Value:
    network = reading.network
    return len(set(network.joined.added) & set(network.releases)) if network.joined.since else None


def _added_risk(reading: Reading) -> Value:
    if not reading.network.joined.since:
        return None
    added = reading.network.joined.added
    return max((reading.risks[name].milli for name in added if name in reading.risks), default=0)


def _betweenness(reading: Reading) -> Value:
    if reading.riskiest is None:
        return None
    share = nx.betweenness_centrality(reading.network.graph)[reading.riskiest]
    return round(share * FULL)


def _shared(reading: Reading) -> Value:
    """Releases, but for the riskiest itself, that have a maker in common with it."""
    if reading.riskiest is None:
        return None
    known = makers(reading.network.joined)
    own = known.get(reading.riskiest, frozenset())
    others = (known.get(name, frozenset()) for name in reading.network.graph)
    return sum(bool(own & names) for names in others) - bool(own)


def _of_makers(reading: Reading) -> list[frozenset[str]]:
    known = makers(reading.network.joined)
    return [known.get(name, frozenset()) for name in reading.network.releases]


FEATURES: tuple[Feature, ...] = (
    Feature(
        name="graph.releases",
        meaning="releases that it depends on, at whatever distance",
        measure=lambda reading: len(reading.network.releases),
    ),
    Feature(
        name="graph.direct",
        meaning="releases that it requires itself",
        measure=lambda reading: reading.network.graph.out_degree(reading.network.root),
        live_only=False,
    ),
    Feature(
        name="graph.transitive",
        meaning="releases that only others require",
        measure=lambda reading: (
            len(reading.network.releases) - reading.network.graph.out_degree(reading.network.root)
        ),
    ),
    Feature(
        name="graph.requirements",
        meaning="edges: pairs of releases of which one requires the other",
        measure=lambda reading: reading.network.graph.number_of_edges(),
    ),
    Feature(
        name="graph.depth",
        meaning="requirements between it and the furthest release",
        measure=lambda reading: max(reading.network.hops.values()),
    ),
    Feature(
        name="graph.chain",
        meaning="the longest chain of requirements, a circle counted as one",
        measure=lambda reading: max(reading.network.layers.values()),
    ),
    Feature(
        name="graph.fan_out",
        meaning="the most requirements that one release of the tree has",
        measure=lambda reading: max(degree for _, degree in reading.network.graph.out_degree()),
    ),
    Feature(
        name="graph.circles",
        meaning="sets of releases that require each other",
        measure=lambda reading: len(reading.network.circles),
    ),
    Feature(
        name="graph.youngest_release_days",
        meaning="age of the youngest release on any path",
        measure=_youngest_release,
        unit="days",
    ),
    Feature(
        name="graph.youngest_project_days",
        meaning="age of the youngest project on any path",
        measure=_youngest_project,
        unit="days",
    ),
    Feature(
        name="graph.unlisted",
        meaning="releases of projects that are not among the most downloaded",
        measure=lambda reading: sum(
            reading.network.known[name].rank is None for name in reading.network.releases
        ),
    ),
    Feature(
        name="graph.least_score",
        meaning="the lowest trust score on any path",
        measure=_least_score,
        unit="0 to 100",
    ),
    Feature(
        name="graph.least_standing",
        meaning="the worst that was decided about any: " + ", ".join(Standing),
        measure=_least_standing,
        unit="word",
    ),
    Feature(
        name="graph.unjudged",
        meaning="releases that nobody has judged here",
        measure=lambda reading: reading.standing(Standing.UNJUDGED),
    ),
    Feature(
        name="graph.refused",
        meaning="releases that are refused here",
        measure=lambda reading: reading.standing(Standing.REFUSED),
    ),
    Feature(
        name="graph.held",
        meaning="releases that are held here for review or for their age",
        measure=lambda reading: reading.standing(Standing.HELD),
    ),
    Feature(
        name="graph.passed_over",
        meaning="releases that are refused or held here, for which older ones could be taken",
        measure=lambda reading: len(reading.network.joined.passed_over),
    ),
    Feature(
        name="graph.added",
        meaning="releases on which the release before did not depend; none: no release before",
        measure=_added,
    ),
    Feature(
        name="graph.added_risk_milli",
        meaning="the highest own risk among those",
        measure=_added_risk,
        unit="thousandths",
    ),
    Feature(
        name="graph.direct_urls",
        meaning="requirements by direct URL, its own or those of any release it depends on",
        measure=lambda reading: len(reading.network.joined.tree.direct_urls),
        live_only=False,
    ),
    Feature(
        name="graph.unmet",
        meaning="requirements that the index could not meet",
        measure=lambda reading: len(reading.network.joined.tree.unmet),
    ),
    Feature(
        name="graph.undescribed",
        meaning="releases whose requirements had to be guessed",
        measure=lambda reading: sum(
            not release.described for release in reading.network.releases.values()
        ),
    ),
    Feature(
        name="graph.cut",
        meaning="the tree has more than was looked at",
        measure=lambda reading: (
            reading.network.joined.tree.cut or bool(reading.network.joined.tree.stopped)
        ),
        unit="yes or no",
    ),
    Feature(
        name="graph.risk_milli",
        meaning="the most of any release's own risk that reaches it, less by a tenth for each hop",
        measure=lambda reading: max(reading.reaching.values(), default=0),
        unit="thousandths",
    ),
    Feature(
        name="graph.riskiest",
        meaning="the project which that is",
        measure=lambda reading: reading.riskiest,
        unit="name",
    ),
    Feature(
        name="graph.riskiest_depth",
        meaning="requirements between it and that one",
        measure=lambda reading: (
            reading.network.hops[reading.riskiest] if reading.riskiest else None
        ),
    ),
    Feature(
        name="graph.riskiest_centrality_milli",
        meaning="share of all shortest paths that lead through that one (betweenness)",
        measure=_betweenness,
        unit="thousandths",
    ),
    Feature(
        name="graph.riskiest_paths",
        meaning="paths that lead from it to that one, at most a million",
        measure=lambda reading: (
            reading.network.paths_to(reading.riskiest) if reading.riskiest else None
        ),
    ),
    Feature(
        name="graph.riskiest_makers_shared",
        meaning="other releases, it included, that have an owner, publisher or account in common "
        "with that one",
        measure=_shared,
    ),
    Feature(
        name="graph.weakest_leaned_on",
        meaning="the most releases that depend on one which is young, or unlisted and not approved",
        measure=lambda reading: max(
            (reading.network.leaning_on(name) for name in reading.weak), default=0
        ),
    ),
    Feature(
        name="graph.makers",
        meaning="different owners, publishers and repository accounts that are known of",
        measure=lambda reading: len(frozenset().union(*_of_makers(reading))),
    ),
    Feature(
        name="graph.makers_largest",
        meaning="releases that depend on the one of them behind most",
        measure=lambda reading: largest(_of_makers(reading)),
    ),
)
"""Every signal of the source `graph`. All are integers, words or absent."""
