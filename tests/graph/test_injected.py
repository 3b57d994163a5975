"""A risky dependency of a clean package is found at any depth; a benign one in its place is not."""

from __future__ import annotations

import pytest

from tests.graph.corpus import Injection, Kind, is_found, recorded, weighing

CASES = [("requests", 1), ("fastapi[standard]", 3), ("celery", 2)]


def test_recorded__are_thirty_trees_of_many_sizes() -> None:
    _, shapes = recorded()
    sizes = sorted(len(shape.releases) for shape in shapes.values())
    assert len(sizes) >= 30
    assert sizes[-1] >= 100
    assert all(set(shape.hops) == set(shape.releases) for shape in shapes.values())


@pytest.mark.parametrize(("root", "depth"), CASES)
@pytest.mark.parametrize("kind", Kind)
async def test_injected__the_risky_is_found_and_its_twin_is_not(
    root: str, depth: int, kind: Kind
) -> None:
    shape = recorded()[1][root]
    risky = Injection(shape, kind, depth, benign=False, seed=1)
    before, after = await risky.answers()
    assert weighing(before) == []
    assert is_found(after, risky, kind)
    twin = Injection(shape, kind, depth, benign=True, seed=1)
    _, plain = await twin.answers()
    assert weighing(plain) == []
    assert not is_found(plain, twin, kind)
