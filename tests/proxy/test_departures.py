"""What an index takes away or changes is noticed once, kept, told, and never a way in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef
from models.decision import Action, HoldKind, OverrideAction
from models.errors import StoreError, UpstreamNotFound
from proxy.admin.events import EventKind
from proxy.departures import Departures, with_departed
from proxy.index.cached import CachedIndex
from proxy.index.guard import guard_page
from proxy.index.kept import KeptIndex
from proxy.simple.page import IndexFile, ProjectPage
from proxy.store.memory import MemoryStore
from tests.proxy.index.test_cached import MAIN, Clock, Source
from tests.proxy.store.test_contract_telling import make_webhook
from tests.proxy.store.values import make_decision, make_ref, sha

DEMO = NormalizedName("demo")
ORIGIN = "https://pratique.example"


def ref(version: str, content: str = "") -> ArtifactRef:
    made = make_ref("demo", version)
    return replace(made, index=MAIN, sha256=sha(content) if content else made.sha256)


def file(of: ArtifactRef) -> IndexFile:
    return IndexFile(
        filename=of.filename,
        url=f"https://files.test/{of.filename}",
        sha256=of.sha256,
        hashes={"sha256": of.sha256},
        size=10,
        requires_python=">=3.9",
    )


def page_of(*refs: ArtifactRef) -> ProjectPage:
    return ProjectPage(
        name=DEMO,
        files=tuple(file(one) for one in refs),
        versions=tuple(dict.fromkeys(one.version for one in refs)),
        api_version="1.1",
    )


class House:
    """A source, its cache, and the layer that keeps what departs."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.source = Source()
        self.restart()

    def restart(self) -> None:
        self.departures = Departures(self.store, clock=self.clock, origin=ORIGIN)
        cached = CachedIndex(
            self.source, self.store, clock=self.clock, changed=self.departures.notice
        )
        self.index = KeptIndex(cached, self.departures)

    async def lists(self, *refs: ArtifactRef) -> ProjectPage:
        """The upstream lists those, and we look."""
        self.source.page = page_of(*refs)
        return await self.index.refresh(DEMO)

    async def decide(self, of: ArtifactRef, action: Action = Action.SERVE) -> None:
        hold = HoldKind.REVIEW if action is Action.HOLD else None
        decision = make_decision(of, action=action, hold=hold)
        await self.store.put_decision(replace(decision, as_of=self.clock()))

    async def guarded(self) -> ProjectPage:
        page = await self.index.project(DEMO)
        return guard_page(
            page,
            index=MAIN,
            decisions={one.ref.key: one for one in await self.store.decisions_of(MAIN, DEMO)},
            as_of=self.clock(),
            fallback=False,
        )

    async def told(self) -> list[EventKind]:
        found = []
        later = self.clock() + timedelta(hours=1)
        while one := await self.store.claim_delivery("id-ops", now=later, until=later):
            found.append(one.event.kind)
            await self.store.delivered(one.number)
        return found


@pytest.fixture
def house() -> House:
    return House()


def names(page: ProjectPage) -> list[str]:
    return [one.filename for one in page.files]


async def test_departed__an_approved_file_stays_listed_with_all_that_was_said_of_it(
    house: House,
) -> None:
    old, new = ref("1.0"), ref("2.0")
    await house.lists(old, new)
    await house.decide(old)
    page = await house.lists(new)
    kept = page.file(old.filename, old.sha256)
    assert kept is not None
    assert (kept.size, kept.requires_python, kept.departed_at) == (10, ">=3.9", house.clock())
    assert page.versions == ("2.0", "1.0")


async def test_departed__what_nobody_decided_on_is_not_kept(house: House) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    assert names(await house.lists(ref("2.0"))) == [ref("2.0").filename]


async def test_departed__a_project_that_is_gone_is_there_for_its_approved_file(
    house: House,
) -> None:
    await house.lists(ref("1.0"))
    await house.decide(ref("1.0"))
    house.source.page = None
    assert names(await house.index.refresh(DEMO)) == [ref("1.0").filename]
    house.restart()
    assert names(await house.index.project(DEMO)) == [ref("1.0").filename]


async def test_departed__a_project_that_is_gone_without_a_decision_is_gone(house: House) -> None:
    await house.lists(ref("1.0"))
    house.source.page = None
    with pytest.raises(UpstreamNotFound):
        await house.index.refresh(DEMO)


async def test_departed__a_project_in_quarantine_keeps_its_approved_files(house: House) -> None:
    await house.lists(ref("1.0"))
    await house.decide(ref("1.0"))
    house.source.page = replace(page_of(), status="quarantined")
    page = await house.index.refresh(DEMO)
    assert (page.status, names(page)) == ("quarantined", [ref("1.0").filename])


async def test_departed__it_is_noticed_across_a_restart(house: House) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    await house.decide(ref("1.0"))
    house.restart()
    await house.index.project(DEMO)
    assert len((await house.lists(ref("2.0"))).files) == 2


async def test_departed__what_comes_back_is_listed_once_and_forgotten(house: House) -> None:
    await house.lists(ref("1.0"))
    await house.decide(ref("1.0"))
    house.source.page = None
    await house.index.refresh(DEMO)
    page = await house.lists(ref("1.0"))
    assert [(one.filename, one.departed_at) for one in page.files] == [(ref("1.0").filename, None)]
    assert await house.store.departures(MAIN, DEMO) == ()


async def test_departed__the_serial_is_another_one(house: House) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    before = house.index.serial(DEMO)
    assert before == house.index.serial(DEMO)
    await house.decide(ref("1.0"))
    await house.lists(ref("2.0"))
    assert house.index.serial(DEMO) not in (before, None)
    assert house.index.serial(DEMO) == house.index.serial(DEMO)


async def test_departed__a_store_that_fails_loses_no_departure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    await house.decide(ref("1.0"))

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("The disk is gone.")

    with monkeypatch.context() as broken:
        broken.setattr(house.store, "depart", fail)
        assert len((await house.lists(ref("2.0"))).files) == 2, "the page stays as it was"
    assert len((await house.lists(ref("2.0"))).files) == 2
    assert len(await house.store.departures(MAIN, DEMO)) == 1


async def test_departed__is_told_once_for_what_is_served(house: House) -> None:
    await house.store.add_webhook(make_webhook(), actor="ada")
    await house.lists(ref("1.0"), ref("2.0"), ref("3.0"))
    await house.decide(ref("1.0"))
    await house.decide(ref("2.0"), Action.DENY)
    await house.lists(ref("1.0"), ref("3.0"))
    assert await house.told() == []
    await house.lists(ref("3.0"))
    await house.lists(ref("3.0"), ref("4.0"))
    assert await house.told() == [EventKind.FILES_DEPARTED]


async def test_changed_bytes__are_denied_and_told_and_the_approved_ones_stay(
    house: House,
) -> None:
    await house.store.add_webhook(make_webhook(), actor="ada")
    good, other = ref("1.0"), ref("1.0", "other bytes")
    await house.lists(good)
    await house.decide(good)
    await house.lists(other)
    (denial,) = await house.store.overrides(project=DEMO)
    assert (denial.action, denial.sha256) == (OverrideAction.DENY, other.sha256)
    assert good.sha256 in denial.justification
    assert await house.told() == [EventKind.BYTES_CHANGED]
    guarded = await house.guarded()
    assert [(one.filename, one.sha256) for one in guarded.files] == [(good.filename, good.sha256)]


async def test_changed_bytes__an_admin_who_ends_the_denial_has_the_last_word(
    house: House,
) -> None:
    good, other = ref("1.0"), ref("1.0", "other bytes")
    await house.lists(good)
    await house.decide(good)
    await house.lists(other)
    (denial,) = await house.store.overrides(project=DEMO)
    await house.store.revoke_override(denial.id, actor="ada", at=house.clock())
    await house.lists(good)
    await house.lists(other)
    assert len(await house.store.overrides(project=DEMO)) == 1
    await house.decide(other)
    guarded = await house.guarded()
    assert [one.sha256 for one in guarded.files] == [other.sha256]


async def test_changed_bytes__of_what_was_never_approved_are_judged_as_any_file(
    house: House,
) -> None:
    await house.lists(ref("1.0"))
    await house.decide(ref("1.0"), Action.HOLD)
    await house.lists(ref("1.0", "other bytes"))
    assert await house.store.overrides(project=DEMO) == ()


async def test_guard__a_departed_file_that_is_refused_is_not_listed(house: House) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    await house.decide(ref("1.0"), Action.DENY)
    await house.decide(ref("2.0"))
    await house.lists(ref("2.0"))
    assert names(await house.guarded()) == [ref("2.0").filename]


async def test_guard__a_departed_file_is_yanked_where_there_is_another_to_fall_back_on(
    house: House,
) -> None:
    await house.lists(ref("1.0"), ref("2.0"))
    await house.decide(ref("1.0"))
    await house.decide(ref("2.0"))
    await house.lists(ref("1.0"))
    marked = {one.filename: one.yanked for one in (await house.guarded()).files}
    assert marked[ref("1.0").filename] is False
    assert "no more since 2026-01-01" in str(marked[ref("2.0").filename])
    house.source.page = None
    await house.index.refresh(DEMO)
    assert not any(one.is_yanked for one in (await house.guarded()).files)


def test_with_departed__nothing_gone_is_the_same_page() -> None:
    page = page_of(ref("1.0"))
    assert with_departed(DEMO, page, ()) is page
    assert with_departed(DEMO, None, ()) is None
