"""A tree cut to its top."""

from __future__ import annotations

from analyzer.graph.network import Network
from analyzer.graph.shape import cut_to
from tests.analyzer.graph.examples import joined, tree_of


def test_cut_to__keeps_so_many_hops_and_says_so() -> None:
    whole = joined(tree_of("app > a", "a > b", "b > c", "app > c"))
    top = cut_to(whole, 1)
    assert set(Network.of(top).graph) == {"app", "a", "c"}
    assert top.tree.cut
    assert cut_to(whole, 2) == whole
