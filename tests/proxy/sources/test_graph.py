"""The source `graph`: from a file to features, findings and a kept tree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from analyzer.graph.joined import unpack
from models.artifact import ArtifactRef
from models.canonical import Digest
from models.decision import Action
from models.errors import ResolutionFailed, StoreError
from models.evidence import Severity
from models.facts import Answer, SourceState
from proxy.inquiry import FactSource, Question
from proxy.resolve import Resolver
from proxy.simple.page import ProjectPage
from proxy.sources.graph import TREE_SIGNAL, GraphSource, StoredPredecessors
from proxy.standings import Standings
from proxy.store.memory import MemoryStore
from proxy.store.port import Dependency
from proxy.trees import Trees
from tests.proxy.sources.serving import serve_in
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    name,
    sha,
)
from tests.proxy.test_resolve import World
from tests.proxy.test_trees import page_of, ref_of, target

OLD = START - timedelta(days=900)
APP = "app-2.0-py3-none-any.whl"


class House:
    """An index, a store, and the source between them."""

    def __init__(self) -> None:
        self.world = World()
        self.store = MemoryStore(clock=FakeClock())
        self.resolver = Resolver(self.world, self.world)
        trees = Trees(self.resolver, self.world, self.store, target)
        self.source: FactSource = GraphSource(
            trees,
            Standings(store=self.store),
            StoredPredecessors(trees, self.store),
            self.store,
        )

    def put(self, filename: str, *requires: str, days: int = 900) -> ArtifactRef:
        self.world.add(filename, *requires, upload_time=START - timedelta(days=days))
        return ref_of(filename)

    async def ask(self, ref: ArtifactRef, page: ProjectPage | None = None) -> Answer:
        shown = page or page_of(self.world, ref.project)
        return await self.source.ask(Question(ref=ref, page=shown, as_of=START))


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.resolver.close()


def values(answer: Answer) -> dict[str, object]:
    return {signal.name: signal.value for signal in answer.signals}


def found(answer: Answer) -> list[tuple[str, Severity, str]]:
    return [(one.id, one.severity, one.place.path) for one in answer.findings]


async def test_ask__measures_the_whole_tree(house: House) -> None:
    ref = house.put(APP, "lib", "tool[x]")
    house.put("lib-1.0-py3-none-any.whl", "deep")
    house.put("tool-1.0-py3-none-any.whl", "deep; extra == 'x'")
    house.put("deep-1.0-py3-none-any.whl")
    answer = await house.ask(ref)
    told = values(answer)
    assert (answer.source.state, answer.source.reason) == (SourceState.MEASURED, "")
    assert (told["graph.releases"], told["graph.direct"], told["graph.depth"]) == (3, 2, 2)
    assert told["graph.unjudged"] == 3
    assert found(answer) == []


async def test_ask__of_a_file_that_requires_nothing_is_measured(house: House) -> None:
    answer = await house.ask(house.put(APP))
    assert answer.source.state is SourceState.MEASURED
    assert values(answer)["graph.releases"] == 0


async def test_ask__a_refused_dependency_is_found_at_any_depth(house: House) -> None:
    ref = house.put(APP, "lib")
    house.put("lib-1.0-py3-none-any.whl", "deep")
    deep = house.put("deep-1.0-py3-none-any.whl")
    assert found(await house.ask(ref)) == []
    await house.store.put_decision(make_decision(deep, action=Action.DENY))
    # The tree is kept; what was decided is asked anew.
    assert found(await house.ask(ref)) == [
        ("dependency-refused", Severity.HIGH, "app > lib > deep")
    ]


async def test_ask__what_the_release_before_on_the_index_did_not_need_is_new(house: House) -> None:
    house.put("app-1.0-py3-none-any.whl", "lib")
    ref = house.put(APP, "lib", "fresh")
    house.put("lib-1.0-py3-none-any.whl")
    house.put("fresh-1.0-py3-none-any.whl", days=2)
    answer = await house.ask(ref)
    assert values(answer)["graph.added"] == 1
    assert found(answer) == [("dependency-new-risky", Severity.HIGH, "app > fresh")]


async def test_ask__what_the_served_release_was_seen_to_need_goes_before(house: House) -> None:
    before = house.put("app-1.0-py3-none-any.whl", "lib")
    ref = house.put(APP, "lib")
    house.put("lib-1.0-py3-none-any.whl", "fresh")
    house.put("fresh-1.0-py3-none-any.whl", days=2)
    # Resolved today, the release before needs `fresh` as well; when it was judged, it did not.
    assert values(await house.ask(ref))["graph.added"] == 0
    await serve_in(house.store, before, START)
    lib = Dependency(project=name("lib"), version="0.9", sha256=sha("x"))
    await house.store.put_dependencies(before, [lib])
    answer = await house.ask(ref)
    assert values(answer)["graph.added"] == 1
    assert found(answer) == [("dependency-new-risky", Severity.HIGH, "app > lib > fresh")]


async def test_ask__the_first_release_has_nothing_to_compare_with(house: House) -> None:
    house.put("fresh-1.0-py3-none-any.whl", days=2)
    answer = await house.ask(house.put(APP, "fresh"))
    assert values(answer)["graph.added"] is None
    assert [one.severity for one in answer.findings] == [Severity.LOW]


async def test_ask__keeps_the_tree_and_who_hangs_on_whom(house: House) -> None:
    ref = house.put(APP, "lib")
    lib = house.put("lib-1.0-py3-none-any.whl")
    digest = values(await house.ask(ref))[TREE_SIGNAL]
    assert isinstance(digest, str)
    packed = await house.store.blob(Digest(digest))
    assert packed is not None
    assert unpack(packed).tree.root == "app"
    dependants = await house.store.dependants_of(lib.project, [lib.sha256], limit=5)
    assert dependants == (ref,)


async def test_ask__an_index_that_does_not_answer_is_missing_and_what_was_found_stays(
    house: House,
) -> None:
    ref = house.put(APP, "lib", "gone")
    lib = house.put("lib-1.0-py3-none-any.whl")
    house.world.down.add("gone")
    await house.store.put_decision(make_decision(lib, action=Action.DENY))
    answer = await house.ask(ref)
    assert answer.source.state is SourceState.MISSING
    assert answer.source.reason == "the index did not answer for 1 of the projects that it requires"
    assert [one.id for one in answer.findings] == ["dependency-refused"]


async def test_ask__what_nobody_has_read_is_missing(house: House) -> None:
    house.world.add("app-2.0.tar.gz", described=False)
    with pytest.raises(ResolutionFailed):
        await house.ask(ref_of("app-2.0.tar.gz"))


async def test_ask__a_store_that_keeps_nothing_costs_the_picture(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(house.store, "put_blob", full)
    answer = await house.ask(house.put(APP))
    assert TREE_SIGNAL not in values(answer)
    assert answer.source.state is SourceState.MEASURED


async def test_ask__a_circle_through_the_file_itself_ends(house: House) -> None:
    ref = house.put(APP, "lib")
    house.put("lib-1.0-py3-none-any.whl", "app")
    told = values(await house.ask(ref))
    assert (told["graph.releases"], told["graph.circles"]) == (1, 1)


async def test_ask__an_unread_file_does_not_wait_for_a_slow_tree(house: House) -> None:
    ref = house.put(APP, "slow")
    house.world.hanging.add("slow")
    trees = Trees(house.resolver, house.world, house.store, target)
    hasty = GraphSource(
        trees,
        Standings(store=house.store),
        StoredPredecessors(trees, house.store),
        house.store,
        unread_s=0.01,
    )
    question = Question(ref=ref, page=page_of(house.world), as_of=START)
    with pytest.raises(ResolutionFailed, match="still being resolved"):
        await hasty.ask(question)
    await trees.close()
