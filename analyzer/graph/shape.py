"""A joined tree cut to so many hops, for whoever wants to see its top alone."""

from __future__ import annotations

from dataclasses import replace

from analyzer.graph.joined import Joined
from analyzer.graph.network import Network


def cut_to(joined: Joined, hops: int) -> Joined:
    """What lies at most `hops` requirements below the root (at least 1); the tree says it was cut."""
    network = Network.of(joined)
    kept = {name for name, distance in network.hops.items() if distance <= max(hops, 1)}
    if len(kept) == len(network.graph):
        return joined
    tree = joined.tree
    return replace(
        joined,
        tree=replace(
            tree,
            releases=tuple(one for one in tree.releases if one.project in kept),
            links=tuple(one for one in tree.links if {one.source, one.target} <= kept),
            direct_urls=tuple(one for one in tree.direct_urls if one.source in kept),
            unmet=tuple(one for one in tree.unmet if one.source in kept),
            cut=True,
        ),
    )
