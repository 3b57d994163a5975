"""What is refused is passed over, where an installer would take another release as well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from analyzer.graph.joined import Known, Standing
from analyzer.graph.tree import Tree, Unmet
from models.artifact import Sha256
from models.decision import Action
from proxy.resolve import Resolver
from proxy.settled import ROUNDS_MAX, Settled, is_bad, not_met, settle
from proxy.standings import Standings
from proxy.store.memory import MemoryStore
from tests.proxy.store.values import PYPI, FakeClock, make_decision
from tests.proxy.test_resolve import World, request
from tests.proxy.test_trees import ref_of


class House:
    """An index, and a store that refuses what it is told to."""

    def __init__(self) -> None:
        self.world = World()
        self.store = MemoryStore(clock=FakeClock())
        self.resolver = Resolver(self.world, self.world)
        self.grown: list[frozenset[Sha256]] = []

    async def refuse(self, *filenames: str) -> None:
        for filename in filenames:
            await self.store.put_decision(make_decision(ref_of(filename), action=Action.DENY))

    async def settle(self, *requirements: str) -> Settled:
        async def grow(without: frozenset[Sha256]) -> Tree:
            self.grown.append(without)
            return await self.resolver.tree(request(*requirements), without=without)

        return await settle(grow, Standings(store=self.store), PYPI)


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.resolver.close()


def wheel(name: str, version: str) -> str:
    return f"{name}-{version}-py3-none-any.whl"


def chosen(settled: Settled) -> list[str]:
    return [f"{one.project}=={one.version}" for one in settled.tree.releases]


async def test_settle__nothing_bad_is_one_resolution(house: House) -> None:
    house.world.wheel("a", "1.0")
    settled = await house.settle("a")
    assert (chosen(settled), settled.passed_over, house.grown) == (["a==1.0"], (), [frozenset()])


async def test_settle__an_older_release_is_taken(house: House) -> None:
    house.world.wheel("a", "1.0", "b")
    for version in ("1.0", "2.0", "3.0"):
        house.world.wheel("b", version)
    await house.refuse(wheel("b", "3.0"), wheel("b", "2.0"))
    settled = await house.settle("a")
    assert chosen(settled) == ["a==1.0", "b==1.0"]
    assert settled.passed_over == ("b==2.0", "b==3.0")


async def test_settle__a_pinned_one_stays(house: House) -> None:
    house.world.wheel("a", "1.0", "b==2.0")
    house.world.wheel("b", "1.0")
    house.world.wheel("b", "2.0")
    await house.refuse(wheel("b", "2.0"))
    settled = await house.settle("a")
    assert (chosen(settled), settled.passed_over) == (["a==1.0", "b==2.0"], ())
    assert [one.standing for one in settled.known] == [Standing.UNJUDGED, Standing.REFUSED]


async def test_settle__the_last_of_its_kind_stays(house: House) -> None:
    house.world.wheel("a", "1.0", "b", "c")
    house.world.wheel("b", "1.0")
    house.world.wheel("c", "1.0")
    house.world.wheel("c", "2.0")
    await house.refuse(wheel("b", "1.0"), wheel("c", "2.0"))
    settled = await house.settle("a")
    assert chosen(settled) == ["a==1.0", "b==1.0", "c==1.0"]
    assert settled.passed_over == ("c==2.0",)
    assert settled.tree.unmet == ()


async def test_settle__ends_at_its_bound(house: House) -> None:
    for number in range(ROUNDS_MAX + 4):
        house.world.wheel("a", f"{number}.0")
    await house.refuse(*(wheel("a", f"{number}.0") for number in range(ROUNDS_MAX + 4)))
    await house.settle("a")
    assert len(house.grown) == ROUNDS_MAX


@pytest.mark.parametrize(
    ("known", "bad"),
    [
        (Known(project="a"), False),
        (Known(project="a", standing=Standing.MONITORED), False),
        (Known(project="a", standing=Standing.HELD), True),
        (Known(project="a", standing=Standing.REFUSED), True),
        (Known(project="a", standing=Standing.APPROVED, malicious=True), True),
    ],
)
def test_is_bad__is_what_the_listing_marks(known: Known, bad: bool) -> None:
    assert is_bad(known) is bad


def test_not_met__reads_names_and_leaves_what_is_none() -> None:
    lines = ("A.b[x]>=1; python_version > '3'", "what is this?")
    tree = Tree(root="", unmet=tuple(Unmet(source="", line=line, why="no") for line in lines))
    assert not_met(tree) == {"a-b"}
