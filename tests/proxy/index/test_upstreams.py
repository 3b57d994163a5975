"""Every name has one home: no error, no absence and no stranger ever gives it another."""

from __future__ import annotations

import random
from collections.abc import Hashable
from datetime import UTC, datetime

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import IndexName
from models.errors import (
    StoreError,
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from policies.owned import OwnedNames
from proxy.admin.access import Principal, Role
from proxy.admin.events import EventKind
from proxy.admin.origins import move_name
from proxy.index.declared import Upstream
from proxy.index.freshness import Freshness
from proxy.index.ownership import Ownership
from proxy.index.port import Ahead
from proxy.index.upstreams import Upstreams
from proxy.simple.page import ProjectPage
from proxy.store.memory import MemoryStore
from tests.proxy.admin.people import EARS, heard

ACME, OTHER, PYPI = IndexName("acme"), IndexName("other"), IndexName("pypi")
DEMO = canonicalize_name("demo")
OURS = canonicalize_name("acme-core")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADMIN = Principal(name="ann", role=Role.ADMIN)


class Member:
    """An upstream with names; `error` is what it says instead."""

    def __init__(self, name: IndexName, *names: str) -> None:
        self.name = name
        self.names = set(names)
        self.error: UpstreamError | None = None
        self.asked: list[str] = []

    async def project(self, project: NormalizedName) -> ProjectPage:
        self.asked.append(project)
        if self.error is not None:
            raise self.error
        if project not in self.names:
            raise UpstreamNotFound(f"no {project}")
        return ProjectPage(name=project, index=self.name)

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        return await self.project(project)

    async def projects(self) -> tuple[str, ...]:
        if self.error is not None:
            raise self.error
        return tuple(sorted(self.names))

    async def ahead(self, project: NormalizedName) -> Ahead:
        try:
            await self.project(project)
        except UpstreamNotFound:
            return Ahead.ABSENT
        return Ahead.FETCHED

    def serial(self, project: NormalizedName) -> Hashable:
        return project

    def freshness(self, project: NormalizedName) -> Freshness | None:
        fresh = Freshness(age_s=len(self.asked), ttl_s=600, trouble=None)
        return fresh if project in self.names else None


class House:
    """Two general upstreams, and one that owns `acme-*`."""

    def __init__(
        self,
        owned: OwnedNames | None = None,
        store: MemoryStore | None = None,
        general: tuple[IndexName, ...] = (OTHER, PYPI),
    ) -> None:
        self.acme = Member(ACME, "acme-core")
        self.other = Member(OTHER, "demo")
        self.pypi = Member(PYPI, "demo", "acme-core", "requests")
        self.store = store or MemoryStore(clock=lambda: NOW)
        members = {one.name: one for one in (self.acme, self.other, self.pypi)}
        declared = (
            Upstream(name=ACME, url="https://acme.invalid/", names=("acme-*",)),
            *(Upstream(name=one, url=f"https://{one}.invalid/") for one in general),
        )
        ownership = Ownership(declared, lambda: owned or OwnedNames())
        self.index = Upstreams(members, ownership, self.store)

    def asked(self) -> list[IndexName]:
        return [one.name for one in (self.acme, self.other, self.pypi) if one.asked]


async def test_owned__is_asked_of_its_owner_alone() -> None:
    house = House()
    assert (await house.index.project(OURS)).index == ACME
    house.acme.names.clear()
    with pytest.raises(UpstreamNotFound):
        await house.index.project(OURS)
    with pytest.raises(UpstreamNotFound, match="acme, which alone may have it"):
        await house.index.project(canonicalize_name("acme-new"))
    assert house.asked() == [ACME]


async def test_freshness__is_that_of_the_home_and_of_no_other() -> None:
    house = House()
    assert house.index.freshness(OURS) is None, "nobody asked for it yet"
    await house.index.project(OURS)
    assert house.index.freshness(OURS) == Freshness(age_s=1, ttl_s=600, trouble=None)
    await house.index.project(DEMO)
    assert house.index.freshness(DEMO) == house.other.freshness(DEMO)


async def test_ahead__an_owned_name_is_asked_of_its_owner_whoever_told_it() -> None:
    house = House()
    assert await house.index.ahead(OURS, told_by=PYPI) is Ahead.FETCHED
    assert house.asked() == [ACME]


@pytest.mark.parametrize("told_by", [ACME, OTHER, PYPI])
async def test_ahead__a_name_that_two_may_have_is_told_to_neither(told_by: IndexName) -> None:
    house = House()
    assert await house.index.ahead(DEMO, told_by=told_by) is Ahead.WITHHELD
    assert house.asked() == []


async def test_ahead__what_an_own_file_requires_is_not_told_to_the_public_index() -> None:
    house = House(general=(PYPI,))
    name = canonicalize_name("not-yet-declared")
    assert await house.index.ahead(name, told_by=ACME) is Ahead.WITHHELD
    assert house.asked() == []
    assert await house.index.ahead(name, told_by=PYPI) is Ahead.ABSENT
    assert house.asked() == [PYPI]


async def test_ahead__once_somebody_asked_its_home_is_asked_alone() -> None:
    house = House()
    await house.index.project(DEMO)
    house.other.asked.clear()
    again = House(store=house.store)  # only the store remembers
    for one in (house, again):
        assert await one.index.ahead(DEMO, told_by=ACME) is Ahead.FETCHED
        assert one.asked() == [OTHER]


async def test_ahead__gives_no_name_a_home() -> None:
    house = House(general=(PYPI,))
    assert await house.index.ahead(DEMO, told_by=PYPI) is Ahead.FETCHED
    assert house.index.home(DEMO) is None
    assert await house.store.origin(DEMO) is None


async def test_ahead__a_name_that_lost_its_home_is_asked_of_nobody() -> None:
    house = House()
    await house.store.bind_origin(DEMO, ACME)
    assert await house.index.ahead(DEMO, told_by=PYPI) is Ahead.WITHHELD
    assert house.asked() == []


async def test_owner__is_asked_for_nothing_else() -> None:
    house = House()
    house.acme.names.add("requests")  # an index that answers for names of others
    assert (await house.index.project(canonicalize_name("requests"))).index == PYPI
    assert house.acme.asked == []


@pytest.mark.parametrize(
    "error", [UpstreamUnavailable("down"), UpstreamInvalid("401"), UpstreamError("odd")]
)
@pytest.mark.parametrize("name", [OURS, DEMO])
async def test_error__of_whoever_may_have_a_name_never_falls_through(
    error: UpstreamError, name: NormalizedName
) -> None:
    house = House()
    house.acme.error = house.other.error = error
    with pytest.raises(type(error), match=error.message):
        await house.index.project(name)
    assert house.pypi.asked == []


async def test_absence__falls_through_in_order_and_the_first_that_has_it_stays() -> None:
    house = House()
    name = canonicalize_name("requests")
    assert (await house.index.project(name)).index == PYPI
    assert (house.other.asked, house.index.home(name)) == (["requests"], PYPI)
    house.other.names.add("requests")  # one further in front publishes it, too
    house.pypi.names.discard("requests")
    again = House(store=house.store)  # another process
    again.pypi.names.discard("requests")
    again.other.names.add("requests")
    for index in (house.index, again.index):
        with pytest.raises(UpstreamNotFound):
            await index.project(name)
    assert again.other.asked == []


async def test_home__that_is_no_upstream_any_more_leaves_the_name_without() -> None:
    house = House()
    await house.store.bind_origin(DEMO, IndexName("gone"))
    with pytest.raises(UpstreamInvalid, match="demo came from the upstream gone"):
        await house.index.project(DEMO)
    assert house.asked() == []
    assert not await house.index.serves(PYPI, DEMO)


async def test_owner__that_is_declared_later_takes_the_name_over_audited_and_told() -> None:
    house = House()
    await house.store.add_webhook(EARS, actor="test")
    await house.store.bind_origin(OURS, PYPI)
    assert (await house.index.project(OURS)).index == ACME
    origin = await house.store.origin(OURS)
    assert origin is not None
    assert origin.index == ACME
    (event,) = await heard(house.store)
    assert (event.kind, event.subject) == (EventKind.NAME_MOVED, "acme-core")
    await house.index.project(OURS)
    assert await heard(house.store) == []


async def test_move__by_an_admin_counts_after_the_next_look() -> None:
    house = House()
    await house.index.follow_moves()
    assert (await house.index.project(DEMO)).index == OTHER
    before = house.index.serial(DEMO)
    known = (ACME, OTHER, PYPI)
    await move_name(house.store, ADMIN, DEMO, PYPI, justification="x", known=known)
    await house.index.follow_moves()
    assert (await house.index.project(DEMO)).index == PYPI
    assert house.index.serial(DEMO) != before


async def test_serves__one_upstream_for_each_name() -> None:
    house = House()
    assert await house.index.serves(ACME, OURS)
    assert not await house.index.serves(PYPI, OURS)
    assert not await house.index.serves(IndexName("nobody"), DEMO)
    assert not await house.index.serves(ACME, DEMO)
    await house.store.bind_origin(DEMO, PYPI)
    assert await house.index.serves(PYPI, DEMO)
    assert not await house.index.serves(OTHER, DEMO)
    assert house.asked() == []


async def test_policy__owned_names_go_to_the_upstreams_that_it_calls_our_own() -> None:
    house = House(OwnedNames(patterns=("demo", "secret-*"), indexes=(PYPI,)))
    assert (await house.index.project(DEMO)).index == PYPI
    with pytest.raises(UpstreamNotFound):
        await house.index.project(canonicalize_name("secret-thing"))
    assert house.asked() == [PYPI]


def test_ownership__follows_the_policy_in_force() -> None:
    policies = [OwnedNames(), OwnedNames(patterns=("demo",), indexes=(PYPI, ACME))]
    declared = [Upstream(name=name, url="https://x.invalid/") for name in (ACME, OTHER, PYPI)]
    ownership = Ownership(declared, lambda: policies[0])
    assert (ownership.owners(DEMO), ownership.candidates(DEMO)) == ((), (ACME, OTHER, PYPI))
    policies.reverse()
    assert ownership.candidates(DEMO) == (ACME, PYPI)
    policies.reverse()
    assert ownership.candidates(DEMO) == (ACME, OTHER, PYPI)


async def test_bound_by_another_process_at_the_same_moment__that_one_counts() -> None:
    house = House()
    bind = house.store.bind_origin

    async def slower(project: NormalizedName, index: IndexName) -> object:
        await bind(project, PYPI)
        return await bind(project, index)

    house.store.bind_origin = slower  # type: ignore[method-assign,assignment]
    assert (await house.index.project(DEMO)).index == PYPI


async def test_store_down__a_name_with_a_choice_is_not_answered() -> None:
    house = House()

    async def fails(*_: object) -> None:
        raise StoreError("down")

    house.store.origin = fails  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreError):
        await house.index.project(DEMO)
    assert house.asked() == []
    house.store.bind_origin = fails  # type: ignore[method-assign,assignment]
    assert (await house.index.project(OURS)).index == ACME


async def test_projects__every_name_once_from_who_may_answer_and_never_half() -> None:
    house = House()
    house.acme.names.add("requests")
    assert sorted(await house.index.projects()) == ["acme-core", "demo", "requests"]
    owning = House(OwnedNames(patterns=("demo",), indexes=(OTHER,)))
    owning.pypi.names.add("Demo")
    owning.other.names.discard("demo")
    assert sorted(await owning.index.projects()) == ["acme-core", "requests"]
    house.other.error = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable):
        await house.index.projects()


@pytest.mark.parametrize("seed", range(20))
async def test_any_weather__a_name_is_never_answered_by_two(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - it plays weather
    store = MemoryStore(clock=lambda: NOW)
    houses = [House(store=store) for _ in range(3)]
    names = [canonicalize_name(one) for one in ("acme-core", "acme-x", "demo", "requests", "new")]
    answered: dict[str, IndexName] = {}
    for _ in range(200):
        house, name = draw.choice(houses), draw.choice(names)
        for member in (house.acme, house.other, house.pypi):
            member.error = UpstreamUnavailable("down") if draw.random() < 0.3 else None
            member.names = {one for one in names if draw.random() < 0.5}
        try:
            page = await house.index.project(name)
        except UpstreamError:
            continue
        assert answered.setdefault(name, page.index) == page.index, f"seed {seed}"
        assert (page.index == ACME) is name.startswith("acme-"), f"seed {seed}"
