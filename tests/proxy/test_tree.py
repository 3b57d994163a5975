"""The resolver's trees: who requires whom, by which line, and what was left open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from analyzer.graph.tree import ROOT, DirectUrl, Link, Release, Tree
from proxy.errands import ResolveBounds
from proxy.resolve import Resolver
from proxy.tree import below, rooted
from tests.proxy.test_resolve import World, request, resolve


@pytest.fixture
def world() -> World:
    return World()


@pytest_asyncio.fixture
async def resolver(world: World) -> AsyncIterator[Resolver]:
    resolver = Resolver(world, world)
    yield resolver
    resolver.close()


def edges(tree: Tree) -> list[str]:
    return [f"{link.source} > {link.target}" for link in tree.links]


async def test_tree__has_the_same_releases_as_a_lease_would_get(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "2.0", "c>=2")
    world.wheel("a", "1.0", "c<2")
    world.wheel("b", "1.0", "c<2", "a")
    world.wheel("c", "1.0")
    world.wheel("c", "2.0")
    tree = await resolver.tree(request("b"))
    resolved = await resolve(resolver, "b")
    assert [(one.project, one.version, one.sha256) for one in tree.releases] == [
        (file.project, file.version, file.sha256) for file in resolved.files
    ]
    assert edges(tree) == [" > b", "a > c", "b > a", "b > c"]
    assert (tree.cut, tree.stopped, tree.unmet) == (False, "", ())


async def test_tree__keeps_the_line_its_marker_and_the_extras(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", "b[x,y] >=1 ; python_version >= '3'", "d; extra == 'z'")
    world.wheel("b", "1.0", "c; extra == 'x'", "e")
    for name in "cde":
        world.wheel(name, "1.0")
    tree = await resolver.tree(request("a[z]"))
    links = {(link.source, link.target): link for link in tree.links}
    assert links["a", "b"] == Link(
        source="a",
        target="b",
        line="b[x,y] >=1 ; python_version >= '3'",
        marker="python_version >= '3'",
        extras=("x", "y"),
    )
    assert links["b", "c"].through == ("x", "y")
    assert links["b", "e"].through == ()
    assert links["a", "d"].through == ("z",)
    assert (ROOT, "a") in links


async def test_tree__of_a_circle_ends(world: World, resolver: Resolver) -> None:
    world.wheel("a", "1.0", "b")
    world.wheel("b", "1.0", "a")
    assert edges(await resolver.tree(request("a"))) == [" > a", "a > b", "b > a"]


async def test_tree__tells_ages_and_claimed_repositories(world: World, resolver: Resolver) -> None:
    old, new = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    world.add("a-1.0-py3-none-any.whl", upload_time=old)
    header = "Project-URL: Source, https://github.com/Some/Repo\n"
    world.add("a-2.0-py3-none-any.whl", upload_time=new, header=header)
    (release,) = (await resolver.tree(request("a"))).releases
    assert (release.project_since, release.uploaded_at) == (old, new)
    assert (release.repository, release.described) == ("github.com/some/repo", True)


async def test_tree__tells_whose_the_open_ends_are(world: World, resolver: Resolver) -> None:
    world.wheel("a", "1.0", "nobody>=1", "evil @ https://evil.test/e.whl", "what is this?")
    world.wheel("b", "1.0", described=False)
    tree = await resolver.tree(request("a", "b", "gone"))
    assert tree.direct_urls == (DirectUrl(source="a", line="evil @ https://evil.test/e.whl"),)
    assert [(one.source, one.line, one.why) for one in tree.unmet] == [
        (ROOT, "gone", "the index has no such project"),
        ("a", "nobody>=1", "the index has no such project"),
        ("a", "what is this?", "not a requirement by PEP 508"),
    ]
    undescribed = tree.release("b")
    assert undescribed is not None
    assert not undescribed.described


async def test_tree__without_end_is_stopped_with_what_there_is(world: World) -> None:
    for number in range(30):
        world.wheel(f"p{number}", "1.0", f"p{number + 1}")
    resolver = Resolver(world, world, bounds=ResolveBounds(rounds_max=8))
    tree = await resolver.tree(request("p0"))
    resolver.close()
    assert tree.stopped
    assert 0 < len(tree.releases) <= 8


async def test_tree__that_runs_out_of_time_keeps_what_was_read(world: World) -> None:
    world.wheel("a", "1.0", "slow")
    world.hanging.add("slow")
    resolver = Resolver(world, world, bounds=ResolveBounds(resolve_s=0.2))
    tree = await resolver.tree(request("a"))
    resolver.close()
    assert tree.stopped == "it took longer than 0.2 s"


async def test_tree__hostile_names_and_lines_are_printable(
    world: World, resolver: Resolver
) -> None:
    world.wheel("a", "1.0", "b\x1b[31m @ https://e.test/\x1b[0m" + "x" * 900)
    (unmet,) = (await resolver.tree(request("a"))).unmet
    assert unmet.line.isprintable()
    assert len(unmet.line) <= 300


def test_rooted__a_file_takes_the_place_of_its_own_release() -> None:
    tree = Tree(
        root=ROOT,
        releases=(Release(project="a", version="9.0"), Release(project="b", version="1.0")),
        links=(
            Link(source=ROOT, target="b", line="b"),
            Link(source="a", target="b", line="b"),
            Link(source="b", target="a", line="a"),
        ),
        direct_urls=(DirectUrl(source=ROOT, line="x @ y"),),
    )
    named = rooted(tree, Release(project="a", version="1.0"))
    assert (named.root, [one.version for one in named.releases]) == ("a", ["1.0", "1.0"])
    assert edges(named) == ["a > b", "b > a"]
    assert named.direct_urls[0].source == "a"


def test_below__is_the_tree_of_what_was_asked_for() -> None:
    tree = Tree(
        root=ROOT,
        releases=(Release(project="a", version="1.0"),),
        links=(Link(source=ROOT, target="a", line="a[x]>=1", extras=("x",)),),
    )
    assert (below(tree, "a").root, below(tree, "a").links) == ("a", ())
    with pytest.raises(ValueError, match="not in the tree"):
        below(tree, "b")
