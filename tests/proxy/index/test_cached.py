"""Pages outlive requesters, outages and restarts, and nothing outlives its bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from structlog.testing import capture_logs

from models.artifact import parse_index_name
from models.errors import (
    StoreError,
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from proxy.index.cached import REFRESHES_AHEAD_MAX, CacheBounds, CachedIndex
from proxy.index.freshness import Freshness, Trouble
from proxy.index.port import Ahead, FetchedPage
from proxy.simple.negotiate import Format
from proxy.simple.page import ProjectPage, last_serial_of
from proxy.simple.render import render_project
from proxy.store.memory import MemoryStore
from proxy.store.port import StoredPage
from tests.proxy.web.decided import until

MAIN = parse_index_name("main")
DEMO = canonicalize_name("demo")
BOUNDS = CacheBounds(fresh_s=600, negative_s=60, stale_s=10_000, patience_s=0.05, pause_s=10)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


class Source:
    """A PageSource whose answers a test sets."""

    name = MAIN

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.page: ProjectPage | None = page("1.0")
        self.error: UpstreamError | None = None
        self.body: bytes | None = None
        self.etag = ""
        self.max_age_s: int | None = None
        self.last_serial: int | None = None
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.names: tuple[str, ...] = ("demo",)

    async def fetch(self, project: NormalizedName, *, etag: str = "") -> FetchedPage:
        self.calls.append(etag)
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if self.page is None:
            raise UpstreamNotFound("There is none.")
        unchanged = bool(etag) and etag == self.etag
        body = self.body or render_project(self.page, format=Format.JSON_V1)
        return FetchedPage(
            url=f"https://index.test/simple/{project}/",
            content_type=Format.JSON_V1.value,
            etag=self.etag,
            body=b"" if unchanged else body,
            max_age_s=self.max_age_s,
            unchanged=unchanged,
            last_serial=self.last_serial,
        )

    async def projects(self) -> tuple[str, ...]:
        self.calls.append("list")
        if self.error is not None:
            raise self.error
        return self.names


def page(*versions: str) -> ProjectPage:
    return ProjectPage(name=DEMO, versions=versions)


class House:
    """A cache with its source, store and clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.source = Source()
        self.store = MemoryStore(clock=self.clock)
        self.index = self.restart()

    def restart(self, bounds: CacheBounds = BOUNDS) -> CachedIndex:
        self.index = CachedIndex(self.source, self.store, clock=self.clock, bounds=bounds)
        return self.index

    async def versions(self) -> tuple[str, ...]:
        return (await self.index.project(DEMO)).versions


@pytest.fixture
async def house() -> House:
    return House()


async def test_project__is_fetched_once_while_fresh(house: House) -> None:
    for _ in range(3):
        assert await house.versions() == ("1.0",)
    house.clock.pass_s(599)
    await house.versions()
    assert len(house.source.calls) == 1
    house.clock.pass_s(1)
    await house.versions()
    assert len(house.source.calls) == 2


@pytest.mark.parametrize(
    ("max_age_s", "fresh_for"), [(5, 5), (100_000, 3_600), (0, 0), (None, 600)]
)
async def test_project__upstreams_max_age_is_heeded_within_bounds(
    house: House, max_age_s: int | None, fresh_for: int
) -> None:
    house.source.max_age_s = max_age_s
    await house.versions()
    house.clock.pass_s(fresh_for - 1)
    if fresh_for:
        await house.versions()
        assert len(house.source.calls) == 1
    house.clock.pass_s(1)
    await house.versions()
    assert len(house.source.calls) == 2


async def test_project__many_requesters_share_one_fetch(house: House) -> None:
    house.source.gate.clear()
    requesters = [asyncio.create_task(house.versions()) for _ in range(20)]
    await house.source.asked.wait()
    house.source.gate.set()
    assert await asyncio.gather(*requesters) == [("1.0",)] * 20
    assert len(house.source.calls) == 1


async def test_project__a_fetch_outlives_a_cancelled_requester(house: House) -> None:
    house.source.gate.clear()
    requester = asyncio.create_task(house.versions())
    await house.source.asked.wait()
    requester.cancel()
    with pytest.raises(asyncio.CancelledError):
        await requester
    house.source.gate.set()
    assert await house.versions() == ("1.0",)
    assert len(house.source.calls) == 1


@pytest.mark.parametrize("error", [UpstreamUnavailable("down"), UpstreamInvalid("broken")])
async def test_project__a_stale_page_is_shown_while_upstream_fails(
    house: House, error: UpstreamError
) -> None:
    await house.versions()
    house.clock.pass_s(9_000)
    house.source.error = error
    with capture_logs() as logs:
        assert await house.versions() == ("1.0",)
    assert [entry["event"] for entry in logs] == ["page_served_stale"]
    assert await house.versions() == ("1.0",)
    assert len(house.source.calls) == 2, "a failing upstream is left alone for a while"
    house.clock.pass_s(1_001)
    with pytest.raises(type(error)):
        await house.versions()


async def test_project__without_a_page_a_failure_is_told(house: House) -> None:
    house.source.error = UpstreamUnavailable("down")
    for _ in range(2):
        with pytest.raises(UpstreamUnavailable):
            await house.versions()
    house.source.error = None
    assert await house.versions() == ("1.0",)


async def test_project__a_broken_body_changes_nothing(house: House) -> None:
    await house.versions()
    stored = await house.store.page(MAIN, DEMO)
    house.clock.pass_s(600)
    house.source.body = b"{ broken"
    assert await house.versions() == ("1.0",)
    assert await house.store.page(MAIN, DEMO) == stored


async def test_project__a_slow_upstream_does_not_keep_who_has_a_stale_page(house: House) -> None:
    await house.versions()
    serial = house.index.serial(DEMO)
    house.clock.pass_s(700)
    house.source.gate.clear()
    house.source.page = page("1.0", "2.0")
    assert await house.versions() == ("1.0",)
    assert house.index.serial(DEMO) == serial
    house.source.gate.set()
    assert (await house.index.refresh(DEMO)).versions == ("1.0", "2.0")
    assert house.index.serial(DEMO) != serial
    assert len(house.source.calls) == 2


async def test_project__absence_is_believed_for_a_short_while(house: House) -> None:
    house.source.page = None
    for _ in range(2):
        with pytest.raises(UpstreamNotFound):
            await house.versions()
    assert len(house.source.calls) == 1
    assert await house.store.page(MAIN, DEMO) is None, "names that nobody has fill no disk"
    house.source.page = page("1.0")
    house.clock.pass_s(60)
    assert await house.versions() == ("1.0",)


async def test_project__absence_is_not_stretched_while_upstream_fails(house: House) -> None:
    house.source.page = None
    with pytest.raises(UpstreamNotFound):
        await house.versions()
    house.clock.pass_s(60)
    house.source.error = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable):
        await house.versions()


async def test_project__one_that_was_removed_is_gone_after_a_restart_too(house: House) -> None:
    await house.versions()
    house.clock.pass_s(600)
    house.source.page = None
    with pytest.raises(UpstreamNotFound):
        await house.versions()
    house.source.error = UpstreamUnavailable("down")
    house.restart()
    with pytest.raises(UpstreamNotFound):
        await house.versions()


async def test_project__outlives_a_restart(house: House) -> None:
    await house.versions()
    serial = house.index.serial(DEMO)
    house.source.error = UpstreamUnavailable("down")
    house.restart()
    assert await house.versions() == ("1.0",)
    assert house.index.serial(DEMO) == serial
    assert len(house.source.calls) == 1


@pytest.mark.parametrize(
    "url", ["../../packages/a.whl", "https://files.test/a.whl", "/a.whl#md5=ab"]
)
async def test_project__its_files_are_where_they_were_after_a_restart(
    house: House, url: str
) -> None:
    entry = {"filename": "a.whl", "url": url, "hashes": {"sha256": "ab" * 32}}
    document = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [entry]}
    house.source.body = json.dumps(document).encode()
    (before,) = (await house.index.project(DEMO)).files
    assert before.url == urljoin("https://index.test/simple/demo/", url.partition("#")[0])
    house.restart()
    (after,) = (await house.index.project(DEMO)).files
    assert after == before
    assert len(house.source.calls) == 1


def two_of(first: object, second: object) -> bytes:
    """A page of two files at these URLs."""
    entries = [
        {"filename": "a.whl", "url": first, "hashes": {"sha256": "ab" * 32}},
        {"filename": "b.whl", "url": second, "hashes": {"sha256": "cd" * 32}},
    ]
    document = {"meta": {"api-version": "1.0"}, "name": "demo", "files": entries}
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.whl", "https://index.test/simple/demo/a.whl"),
        ("https://index.test/a.whl", "https:///b.whl"),
        ("https://index.test/a.whl", ["b.whl"]),
    ],
)
async def test_project__malformed_and_relative_urls_read_the_same_after_a_restart(
    house: House, first: object, second: object
) -> None:
    house.source.body = two_of(first, second)
    before = (await house.index.project(DEMO)).files
    house.restart()
    assert (await house.index.project(DEMO)).files == before


@pytest.mark.parametrize(
    "spelled",
    [lambda text: text, str.upper, lambda text: "".join(f"\\u{ord(c):04x}" for c in text)],
)
async def test_project__a_digest_is_found_in_its_page_however_it_was_spelled(
    house: House, spelled: Callable[[str], str]
) -> None:
    digest = "ab" * 32
    body = two_of("https://index.test/a.whl", "https://index.test/b.whl").decode()
    house.source.body = body.replace(digest, spelled(digest)).encode()
    first, _ = (await house.index.project(DEMO)).files
    assert first.sha256 == digest
    stored = await house.store.page(MAIN, DEMO)
    assert stored is not None
    assert digest.encode() in stored.body


async def test_project__what_only_looks_different_is_no_change(house: House) -> None:
    house.source.body = two_of("https://index.test/a.whl", "https://index.test/b.whl")
    await house.index.project(DEMO)
    generation = await house.store.generation()
    house.clock.pass_s(7 * 3_600)
    await house.index.project(DEMO)
    house.restart()
    house.source.body = json.dumps(json.loads(house.source.body), indent=1).encode()
    house.clock.pass_s(7 * 3_600)
    await house.index.project(DEMO)
    assert await house.store.generation() == generation


@pytest.mark.parametrize("stated", [[], {}, True, "7", 7.0])
async def test_project__a_serial_that_is_none_is_no_matter(house: House, stated: object) -> None:
    meta = {"api-version": "1.0", "_last-serial": stated}
    house.source.body = json.dumps({"meta": meta, "name": "demo", "files": []}).encode()
    assert last_serial_of(await house.index.project(DEMO)) is None
    house.restart()
    house.source.last_serial = 1
    house.clock.pass_s(600)
    assert last_serial_of(await house.index.project(DEMO)) == 1


async def test_project__a_stored_page_beyond_the_bound_is_not_shown(house: House) -> None:
    await house.versions()
    house.source.error = UpstreamUnavailable("down")
    house.clock.pass_s(10_001)
    house.restart()
    with pytest.raises(UpstreamUnavailable):
        await house.versions()


async def test_project__a_stored_page_that_cannot_be_read_is_fetched_anew(house: House) -> None:
    await house.versions()
    stored = await house.store.page(MAIN, DEMO)
    assert stored is not None
    await house.store.put_page(replace(stored, body=b"{"))
    house.restart()
    with capture_logs() as logs:
        assert await house.versions() == ("1.0",)
    assert logs[0]["event"] == "stored_page_ignored"


async def test_project__an_etag_saves_the_body(house: House) -> None:
    house.source.etag = '"one"'
    await house.versions()
    house.clock.pass_s(600)
    assert await house.versions() == ("1.0",)
    assert house.source.calls == ["", '"one"']
    house.restart()
    house.clock.pass_s(600)
    assert await house.versions() == ("1.0",)
    assert house.source.calls[2] == '"one"'


async def test_project__upstreams_serial_stays_with_the_page(house: House) -> None:
    house.source.last_serial = 7
    assert (await house.index.project(DEMO)).extra_meta == {"_last-serial": 7}
    house.restart()
    assert (await house.index.project(DEMO)).extra_meta == {"_last-serial": 7}


async def test_project__only_a_change_is_told_to_others(house: House) -> None:
    await house.versions()
    house.clock.pass_s(600)
    await house.versions()
    assert await house.store.generation() == 0
    house.clock.pass_s(600)
    house.source.page = page("1.0", "2.0")
    serial = house.index.serial(DEMO)
    assert await house.versions() == ("1.0", "2.0")
    assert house.index.serial(DEMO) != serial
    assert await house.store.generation() == 1


async def test_project__an_unchanged_page_is_written_again_once_in_a_while(house: House) -> None:
    await house.versions()
    for _ in range(3):
        house.clock.pass_s(3_000)
        await house.versions()
    first = await house.store.page(MAIN, DEMO)
    assert first is not None
    assert first.fetched_at == datetime(2026, 1, 1, tzinfo=UTC)
    house.clock.pass_s(6 * 3_600)
    await house.versions()
    again = await house.store.page(MAIN, DEMO)
    assert again is not None
    assert again.fetched_at == house.clock.now


async def test_ahead__a_page_is_fetched_once_for_it_and_whoever_asks(house: House) -> None:
    house.source.gate.clear()
    ahead = asyncio.create_task(house.index.ahead(DEMO))
    await house.source.asked.wait()
    requester = asyncio.create_task(house.versions())
    house.source.gate.set()
    assert (await ahead, await requester) == (Ahead.FETCHED, ("1.0",))
    assert await house.index.ahead(DEMO) is Ahead.AT_HAND
    house.restart()
    assert await house.index.ahead(DEMO) is Ahead.AT_HAND, "the store has it"
    assert len(house.source.calls) == 1
    house.clock.pass_s(600)
    assert await house.index.ahead(DEMO) is Ahead.FETCHED
    assert len(house.source.calls) == 2


async def test_ahead__what_is_absent_is_asked_once(house: House) -> None:
    house.source.page = None
    assert await house.index.ahead(DEMO) is Ahead.ABSENT
    assert await house.index.ahead(DEMO) is Ahead.AT_HAND
    assert len(house.source.calls) == 1


async def test_ahead__is_dropped_while_upstream_is_busy(house: House) -> None:
    house.source.gate.clear()
    names = [canonicalize_name(f"p{number}") for number in range(REFRESHES_AHEAD_MAX)]
    requesters = [asyncio.create_task(house.index.project(name)) for name in names]
    await until(lambda: len(house.source.calls) == len(names))
    assert await house.index.ahead(DEMO) is Ahead.BUSY
    house.source.page = None
    house.source.gate.set()
    found = await asyncio.gather(*requesters, return_exceptions=True)
    assert {type(one) for one in found} == {UpstreamNotFound}
    assert await house.index.ahead(DEMO) is Ahead.ABSENT


async def test_ahead__counts_as_no_look_up_of_anybody(house: House) -> None:
    told: list[bool] = []
    index = CachedIndex(house.source, house.store, clock=house.clock, looked_up=told.append)
    await index.ahead(DEMO)
    assert told == []
    await index.project(DEMO)
    assert told == [True]


async def test_freshness__age_is_since_upstream_was_heard(house: House) -> None:
    assert house.index.freshness(DEMO) is None
    house.source.etag = '"one"'
    await house.versions()
    assert house.index.freshness(DEMO) == Freshness(age_s=0, ttl_s=600, trouble=None)
    house.clock.pass_s(599)
    await house.versions()
    assert house.index.freshness(DEMO) == Freshness(age_s=599, ttl_s=1, trouble=None)
    house.clock.pass_s(1)
    await house.versions()  # answered with 304, which counts as heard
    assert house.index.freshness(DEMO) == Freshness(age_s=0, ttl_s=600, trouble=None)


async def test_freshness__of_a_page_that_is_never_fresh_is_no_trouble(house: House) -> None:
    house.source.max_age_s = 0
    await house.versions()
    assert house.index.freshness(DEMO) == Freshness(age_s=0, ttl_s=0, trouble=None)


async def test_freshness__while_upstream_fails_the_age_grows_and_afterwards_is_none(
    house: House,
) -> None:
    await house.versions()
    house.source.error = UpstreamUnavailable("down")
    for age_s in (600, 605, 700):  # asked, left alone for a while, asked again
        house.clock.now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=age_s)
        await house.versions()
        stale = Freshness(age_s=age_s, ttl_s=600 - age_s, trouble=Trouble.FAILED)
        assert house.index.freshness(DEMO) == stale
    house.restart()
    await house.versions()
    assert house.index.freshness(DEMO) == stale, "after a restart too"
    house.source.error = None
    house.clock.pass_s(10)
    await house.versions()
    assert house.index.freshness(DEMO) == Freshness(age_s=0, ttl_s=600, trouble=None)


async def test_freshness__a_look_that_fails_does_not_make_a_fresh_page_stale(house: House) -> None:
    await house.versions()
    house.source.error = UpstreamUnavailable("down")
    house.clock.pass_s(100)
    await house.index.refresh(DEMO)
    assert house.index.freshness(DEMO) == Freshness(age_s=100, ttl_s=500, trouble=None)


async def test_freshness__a_slow_upstream_is_told_apart_from_a_failing_one(house: House) -> None:
    await house.versions()
    house.clock.pass_s(700)
    house.source.gate.clear()
    await house.versions()
    assert house.index.freshness(DEMO) == Freshness(age_s=700, ttl_s=-100, trouble=Trouble.SLOW)
    house.source.gate.set()
    await house.index.refresh(DEMO)
    assert house.index.freshness(DEMO) == Freshness(age_s=0, ttl_s=600, trouble=None)


async def test_freshness__of_what_is_absent_is_none(house: House) -> None:
    house.source.page = None
    with pytest.raises(UpstreamNotFound):
        await house.versions()
    assert house.index.freshness(DEMO) is None


class BrokenShelf:
    """A store that fails."""

    async def put_page(self, page: StoredPage) -> None:
        raise StoreError(f"The disk is too full for {page.project}.")

    async def page(self, index: str, project: str) -> StoredPage | None:
        raise StoreError(f"The disk does not give {index}/{project}.")

    async def touch_project(self, index: str, project: str) -> int:
        raise StoreError(f"The disk is too full for {index}/{project}.")


async def test_project__a_failing_store_costs_no_page(house: House) -> None:
    index = CachedIndex(house.source, BrokenShelf(), clock=house.clock, bounds=BOUNDS)
    with capture_logs() as logs:
        assert (await index.project(DEMO)).versions == ("1.0",)
    assert [entry["event"] for entry in logs] == ["page_not_loaded", "page_not_stored"]


async def test_serial__of_a_page_that_left_memory_equals_nothing(house: House) -> None:
    assert house.index.serial(DEMO) != house.index.serial(DEMO)


async def test_project__a_page_larger_than_memory_still_works(house: House) -> None:
    index = house.restart(replace(BOUNDS, memory_bytes_max=1))
    assert (await index.project(DEMO)).versions == ("1.0",)
    assert (await index.project(DEMO)).versions == ("1.0",)


async def test_projects__is_kept_and_outlives_an_outage(house: House) -> None:
    assert await house.index.projects() == ("demo",)
    assert await house.index.projects() == ("demo",)
    assert house.source.calls == ["list"]
    house.clock.pass_s(600)
    house.source.error = UpstreamUnavailable("down")
    assert await house.index.projects() == ("demo",)
    house.clock.pass_s(10_001)
    with pytest.raises(UpstreamUnavailable):
        await house.index.projects()


async def test_close__ends_what_is_under_way(house: House) -> None:
    house.source.gate.clear()
    requester = asyncio.create_task(house.versions())
    await house.source.asked.wait()
    await house.index.close()
    with pytest.raises(asyncio.CancelledError):
        await requester
