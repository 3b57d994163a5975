"""The tree as a networkx graph: typed nodes and edges, and the shape below the root.

Nodes are (kind, name) pairs. Circles are allowed: what needs an order works on the condensation,
in which every circle is one node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import networkx as nx

from analyzer.graph.joined import Joined, Known
from analyzer.graph.tree import Release

PATHS_MAX = 1_000_000
"""Paths are counted up to here: a tree of 200 releases can have more than there are atoms."""


class NodeKind(StrEnum):
    """What a node is."""

    RELEASE = "release"
    PROJECT = "project"
    PUBLISHER = "publisher"
    REPOSITORY = "repository"
    OWNER = "owner"


class EdgeKind(StrEnum):
    """What an edge says."""

    REQUIRES = "requires"
    RELEASE_OF = "release-of"
    PUBLISHED_BY = "published-by"
    BUILT_FROM = "built-from"
    OWNED_BY = "owned-by"


Node = tuple[NodeKind, str]


@dataclass(frozen=True)
class Network:
    """A joined tree, its requirement graph over project names, and what follows from its shape."""

    joined: Joined
    graph: nx.DiGraph[str]
    """Releases by project; an edge is one or more requirements. No edge from a node to itself."""

    @classmethod
    def of(cls, joined: Joined) -> Network:
        """The network of a tree. What the root does not reach has no place in it."""
        tree = joined.tree
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_node(tree.root)
        graph.add_nodes_from(release.project for release in tree.releases)
        graph.add_edges_from(
            (link.source, link.target)
            for link in tree.links
            if link.source != link.target and link.source in graph and link.target in graph
        )
        reached = {tree.root, *nx.descendants(graph, tree.root)}
        graph.remove_nodes_from([node for node in graph if node not in reached])
        return cls(joined, graph)

    @property
    def root(self) -> str:
        """The node on top."""
        return self.joined.tree.root

    @cached_property
    def releases(self) -> Mapping[str, Release]:
        """Every release that the root reaches, but the root, by project, sorted."""
        found = {one.project: one for one in self.joined.tree.releases if one.project in self.graph}
        found.pop(self.root, None)
        return found

    @cached_property
    def known(self) -> Mapping[str, Known]:
        """What is known of each release, the root's included."""
        told = {one.project: one for one in self.joined.known}
        return {name: told.get(name, Known(project=name)) for name in self.graph}

    @cached_property
    def hops(self) -> Mapping[str, int]:
        """How many requirements lie between the root and each release; 1: it is required directly."""
        return dict(nx.single_source_shortest_path_length(self.graph, self.root))

    @cached_property
    def circles(self) -> tuple[tuple[str, ...], ...]:
        """Sets of releases that require each other, each sorted, and sorted."""
        parts = nx.strongly_connected_components(self.graph)
        return tuple(sorted(tuple(sorted(part)) for part in parts if len(part) > 1))

    @cached_property
    def layers(self) -> Mapping[str, int]:
        """The longest way from the root to each release, a circle counted as one: edges go down."""
        condensed = nx.condensation(self.graph)
        depth: dict[int, int] = {}
        for part in nx.topological_sort(condensed):
            above = (depth[before] + 1 for before in condensed.predecessors(part))
            depth[part] = max(above, default=0)
        return {
            name: depth[part] for part in condensed for name in condensed.nodes[part]["members"]
        }

    @cached_property
    def parents(self) -> Mapping[str, str]:
        """For each release the one before it on its shortest path; of several the first by name."""
        found: dict[str, str] = {}
        for name, hops in self.hops.items():
            if hops:
                before = (p for p in self.graph.predecessors(name) if self.hops[p] == hops - 1)
                found[name] = min(before)
        return found

    def path(self, project: str) -> tuple[str, ...]:
        """The shortest path from the root, both ends included; of several the first by name."""
        way = [project]
        while way[-1] in self.parents:
            way.append(self.parents[way[-1]])
        return tuple(reversed(way))

    def paths_to(self, project: str) -> int:
        """How many ways lead from the root to a release, circles counted once, up to PATHS_MAX."""
        condensed = nx.condensation(self.graph)
        part_of = condensed.graph["mapping"]
        ways = dict.fromkeys(condensed, 0)
        ways[part_of[self.root]] = 1
        for part in nx.topological_sort(condensed):
            for after in condensed.successors(part):
                ways[after] = min(ways[after] + ways[part], PATHS_MAX)
        return ways[part_of[project]]

    def leaning_on(self, project: str) -> int:
        """How many other releases of the tree depend on a release, at whatever distance."""
        return len(nx.ancestors(self.graph, project) - {project, self.root})


def typed(joined: Joined) -> nx.MultiDiGraph[Node]:
    """The whole graph with its five kinds of nodes; `kind` on each edge, `line` on requirements."""
    graph: nx.MultiDiGraph[Node] = nx.MultiDiGraph()
    known = {one.project: one for one in joined.known}
    for release in joined.tree.releases:
        node = (NodeKind.RELEASE, f"{release.project}=={release.version}")
        graph.add_edge(node, (NodeKind.PROJECT, release.project), kind=EdgeKind.RELEASE_OF)
        about = known.get(release.project)
        made: list[tuple[EdgeKind, NodeKind, str]] = []
        if release.repository:
            made.append((EdgeKind.BUILT_FROM, NodeKind.REPOSITORY, release.repository))
        if about is not None and about.publisher:
            made.append((EdgeKind.PUBLISHED_BY, NodeKind.PUBLISHER, about.publisher))
        for owner in about.owners if about else ():
            graph.add_edge(
                (NodeKind.PROJECT, release.project),
                (NodeKind.OWNER, owner),
                kind=EdgeKind.OWNED_BY,
            )
        for edge, kind, name in made:
            graph.add_edge(node, (kind, name), kind=edge)
    _add_requirements(graph, joined)
    return graph


def _add_requirements(graph: nx.MultiDiGraph[Node], joined: Joined) -> None:
    versions = {one.project: f"{one.project}=={one.version}" for one in joined.tree.releases}
    for link in joined.tree.links:
        if link.target in versions:
            graph.add_edge(
                (NodeKind.RELEASE, versions.get(link.source, link.source)),
                (NodeKind.RELEASE, versions[link.target]),
                kind=EdgeKind.REQUIRES,
                line=link.line,
                marker=link.marker,
                extras=link.extras,
                through=link.through,
            )


def makers(joined: Joined) -> Mapping[str, frozenset[str]]:
    """Who stands behind each project, as far as is known: `owner:…`, `publisher:…`, `account:…`.

    An account is the owner of the repository that metadata claims.
    """
    found: dict[str, set[str]] = {one.project: set() for one in joined.tree.releases}
    for about in joined.known:
        if about.project in found:
            found[about.project] |= {f"owner:{owner}" for owner in about.owners}
            if about.publisher:
                found[about.project].add(f"publisher:{about.publisher}")
    for release in joined.tree.releases:
        if release.repository:
            account = release.repository.rpartition("/")[0]
            found[release.project].add(f"account:{account}")
    return {project: frozenset(names) for project, names in found.items()}


def largest(clusters: Iterable[frozenset[str]]) -> int:
    """How many of some sets of makers share the one that most share; 0: none is known."""
    counts: dict[str, int] = {}
    for names in clusters:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return max(counts.values(), default=0)
