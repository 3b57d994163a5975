"""The shape of a tree: hops, circles, paths, and nodes of five kinds."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from analyzer.graph.joined import Joined, Known
from analyzer.graph.network import PATHS_MAX, EdgeKind, NodeKind, largest, makers, typed
from tests.analyzer.graph.examples import NOW, joined, network, tree_of

NAMES = ["app", "a", "b", "c", "d", "e"]
EDGES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(lambda p: f"{p[0]} > {p[1]}"),
    max_size=20,
)


def test_hops__are_those_of_the_shortest_path() -> None:
    shape = network(tree_of("app > a", "a > b", "app > b", "b > c"))
    assert shape.hops == {"app": 0, "a": 1, "b": 1, "c": 2}
    assert shape.path("c") == ("app", "b", "c")


def test_path__of_several_the_first_by_name() -> None:
    shape = network(tree_of("app > z", "app > m", "z > x", "m > x"))
    assert shape.path("x") == ("app", "m", "x")


def test_network__leaves_out_what_the_root_does_not_reach() -> None:
    shape = network(tree_of("app > a", "stray > a", "stray > b"))
    assert set(shape.graph) == {"app", "a"}
    assert list(shape.releases) == ["a"]


def test_circles__are_one_layer_and_do_not_end_in_themselves() -> None:
    shape = network(tree_of("app > a", "a > b", "b > a", "b > c", "a > a"))
    assert shape.circles == (("a", "b"),)
    assert shape.layers == {"app": 0, "a": 1, "b": 1, "c": 2}
    assert shape.paths_to("c") == 1


def test_a_root_in_a_circle__is_still_the_root() -> None:
    shape = network(tree_of("app > a", "a > app"))
    assert shape.hops == {"app": 0, "a": 1}
    assert list(shape.releases) == ["a"]


def test_paths_to__are_counted_up_to_the_bound() -> None:
    edges = []
    for step in range(30):
        edges += [f"n{step} > l{step}", f"n{step} > r{step}"]
        edges += [f"l{step} > n{step + 1}", f"r{step} > n{step + 1}"]
    shape = network(tree_of(*edges, root="n0"))
    assert shape.paths_to("n3") == 8
    assert shape.paths_to("n30") == PATHS_MAX


def test_leaning_on__counts_who_depends_at_any_distance_but_the_root() -> None:
    shape = network(tree_of("app > a", "app > b", "a > c", "b > c", "c > d"))
    assert shape.leaning_on("d") == 3
    assert shape.leaning_on("a") == 0


@given(EDGES)
def test_any_shape__has_each_release_below_its_parent(edges: list[str]) -> None:
    shape = network(tree_of(*edges))
    assert set(shape.layers) == set(shape.graph) == set(shape.hops)
    for name in shape.releases:
        path = shape.path(name)
        assert (path[0], path[-1]) == ("app", name)
        assert len(path) == shape.hops[name] + 1
        assert 1 <= shape.paths_to(name) <= PATHS_MAX
        assert nx.is_path(shape.graph, list(path))
        assert shape.layers[name] >= 0


def test_typed__has_releases_projects_and_makers() -> None:
    tree = tree_of("app > a", repositories={"a": "github.com/someone/a"})
    known = Known(project="a", owners=("org",), publisher="someone/a")
    graph = typed(Joined(tree=tree, as_of=NOW, known=(known,)))
    node = (NodeKind.RELEASE, "a==1.0")
    edges = {(target, data["kind"]) for _, target, data in graph.out_edges(node, data=True)}
    assert edges == {
        ((NodeKind.PROJECT, "a"), EdgeKind.RELEASE_OF),
        ((NodeKind.REPOSITORY, "github.com/someone/a"), EdgeKind.BUILT_FROM),
        ((NodeKind.PUBLISHER, "someone/a"), EdgeKind.PUBLISHED_BY),
    }
    assert graph.has_edge((NodeKind.PROJECT, "a"), (NodeKind.OWNER, "org"))
    ((_, _, requires),) = [
        edge for edge in graph.in_edges(node, data=True) if edge[2]["kind"] is EdgeKind.REQUIRES
    ]
    assert requires["line"] == "a>=1"


def test_makers__are_accounts_publishers_and_owners() -> None:
    tree = tree_of(
        "app > a",
        "app > b",
        repositories={"a": "github.com/one/a", "b": "github.com/one/b"},
    )
    known = makers(joined(tree, a={"owners": ("org",)}))
    assert known["a"] == {"account:github.com/one", "owner:org"}
    assert known["app"] == frozenset()
    assert largest(known.values()) == 2
    assert largest([]) == 0
