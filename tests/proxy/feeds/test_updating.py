"""Updating feeds: incremental, all or nothing, resumed, and honest about how it went."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from models.errors import FeedError, FeedInvalid
from proxy.admin.events import EventKind
from proxy.feeds import fetching
from proxy.feeds.source import FeedSource, parse_source
from proxy.feeds.updating import NAME, SHRINK_FROM, FeedUpdater
from proxy.store.memory import MemoryStore
from proxy.store.port import Feed, FeedImport
from tests.analyzer.advisories.records import document, record
from tests.proxy.admin.people import EARS, heard
from tests.proxy.feeds.archives import FORMS, members, to_jsonl, to_zip
from tests.proxy.store.values import START, FakeClock, name

ONE = record("MAL-1", versions=("1",))
LATER = "2026-02-02T00:00:00Z"


@dataclass
class Desk:
    """A store, an updater, and a folder to put feeds into."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock)
        self.updater = FeedUpdater(self.store, self.folder / "data", clock=self.clock)

    async def ids(self) -> list[str]:
        return [one.id for one in await self.store.advisories_about(name("demo"))]

    async def feed(self) -> Feed:
        (feed,) = await self.store.feeds()
        return feed


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("form", FORMS)
async def test_update__brings_the_records_of_every_form(form: str, desk: Desk) -> None:
    path = FORMS[form](desk.folder / form, members(ONE, record("MAL-2")))
    updated = await desk.updater.update(parse_source(f"mine={path}"))
    assert updated.imported == FeedImport(added=2)
    assert await desk.ids() == ["MAL-1", "MAL-2"]
    feed = await desk.feed()
    assert (feed.records, feed.malicious, feed.succeeded_at, feed.error) == (2, 2, START, "")


async def test_update__reads_only_what_is_newer(desk: Desk) -> None:
    path = to_jsonl(desk.folder / "x.jsonl", members(ONE, record("MAL-2")))
    source = parse_source(f"mine={path}")
    await desk.updater.update(source)
    to_jsonl(path, members(ONE, record("MAL-2", modified=LATER), record("MAL-3")))
    updated = await desk.updater.update(source)
    assert updated.imported == FeedImport(added=1, changed=1, unchanged=1)


async def test_update__a_file_that_has_not_changed_is_not_read_again(desk: Desk) -> None:
    source = parse_source(f"mine={to_jsonl(desk.folder / 'x.jsonl', members(ONE))}")
    await desk.updater.update(source)
    desk.clock.advance(60)
    assert (await desk.updater.update(source)).imported is None
    assert (await desk.feed()).succeeded_at == desk.clock.now


async def test_update__one_odd_record_costs_only_itself_and_is_told(desk: Desk) -> None:
    path = to_jsonl(desk.folder / "x.jsonl", members(ONE, record("MAL-2")))
    source = parse_source(f"mine={path}")
    await desk.updater.update(source)
    to_jsonl(path, members(ONE, record("MAL-2", modified="oops"), record("MAL-3")))
    updated = await desk.updater.update(source)
    assert [refused.id for refused in updated.refused] == ["MAL-2"]
    assert await desk.ids() == ["MAL-1", "MAL-2", "MAL-3"]
    assert (await desk.feed()).refused == 1


@pytest.mark.parametrize("broken", ["gone", "cut", "empty", "foreign", "all refused"])
async def test_update__a_broken_feed_changes_nothing_but_its_error(broken: str, desk: Desk) -> None:
    path = to_zip(desk.folder / "x.zip", members(ONE, record("MAL-2")))
    source = parse_source(f"mine={path}")
    await desk.updater.update(source)
    desk.clock.advance(60)
    match broken:
        case "gone":
            path.unlink()
        case "cut":
            path.write_bytes(path.read_bytes()[:-30])
        case "empty":
            path.write_bytes(b"")
        case "foreign":
            to_zip(path, members(record("MAL-1", ecosystem="npm")))
        case _:
            to_zip(path, members(record("MAL-1", modified="x")))
    with pytest.raises(FeedError):
        await desk.updater.update(source)
    assert await desk.ids() == ["MAL-1", "MAL-2"]
    feed = await desk.feed()
    assert (feed.succeeded_at, feed.tried_at, feed.records) == (START, desk.clock.now, 2)
    assert feed.error


async def test_update__a_feed_that_lost_most_of_its_records_is_not_believed(desk: Desk) -> None:
    path = to_jsonl(
        desk.folder / "x.jsonl", members(*(record(f"MAL-{n}") for n in range(SHRINK_FROM)))
    )
    source = parse_source(f"mine={path}")
    await desk.updater.update(source)
    to_jsonl(path, members(record("MAL-1")))
    with pytest.raises(FeedInvalid, match="old ones stay"):
        await desk.updater.update(source)
    assert len(await desk.ids()) == SHRINK_FROM
    await desk.updater.update(source, accept_shrink=True)
    assert await desk.ids() == ["MAL-1"]


async def test_update__a_reader_that_was_killed_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child's interpreter is one that dies at once, as a kill would have it."""
    path = to_jsonl(desk.folder / "x.jsonl", members(ONE))
    dying = desk.folder / "python"
    dying.write_text("#!/bin/sh\nkill -9 $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(dying))
    with pytest.raises(FeedInvalid, match="end"):
        await desk.updater.update(parse_source(f"mine={path}"))
    assert await desk.ids() == []


async def test_update__another_process_at_the_same_feed_is_waited_for(desk: Desk) -> None:
    path = to_jsonl(desk.folder / "x.jsonl", members(ONE))
    folder = desk.folder / "data" / NAME
    folder.mkdir(parents=True)
    with (folder / "mine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FeedError, match="another process"):
            await desk.updater.update(parse_source(f"mine={path}"))
    await desk.updater.update(parse_source(f"mine={path}"))
    assert await desk.ids() == ["MAL-1"]


# -- over HTTP ------------------------------------------------------------------------------------


@dataclass
class Server:
    """A feed on the loopback, and what it was asked."""

    body: bytes = b""
    etag: str = '"1"'
    cut_after: int | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.headers))
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers={"ETag": self.etag})
        body, status, headers = self.body, 200, {"ETag": self.etag}
        if "Range" in request.headers and request.headers.get("If-Range") == self.etag:
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        response = web.StreamResponse(
            status=status, headers=headers | {"Content-Length": str(len(body))}
        )
        await response.prepare(request)
        cut, self.cut_after = self.cut_after, None
        await response.write(body[:cut])
        if cut is not None and request.transport is not None:
            request.transport.close()
        return response


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[FeedSource]:
    app = web.Application()
    app.router.add_get("/all.zip", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield parse_source(f"mine=http://127.0.0.1:{runner.addresses[0][1]}/all.zip")
    finally:
        await runner.cleanup()


def zipped(folder: Path, *values: dict[str, object]) -> bytes:
    return to_zip(folder / "made.zip", members(*values)).read_bytes()


async def test_update__over_http_is_conditional(desk: Desk) -> None:
    server = Server(body=zipped(desk.folder, ONE))
    async with serving(server) as source:
        assert (await desk.updater.update(source)).imported == FeedImport(added=1)
        assert (await desk.updater.update(source)).imported is None
        server.body, server.etag = zipped(desk.folder, ONE, record("MAL-2")), '"2"'
        assert (await desk.updater.update(source)).imported == FeedImport(added=1, unchanged=1)
    assert server.asked[1]["If-None-Match"] == '"1"'
    assert [path.name for path in (desk.folder / "data" / NAME).iterdir()] == ["mine.lock"]


async def test_update__a_download_that_broke_off_is_taken_up_again(desk: Desk) -> None:
    noise = [record(f"MAL-{n}", summary=os.urandom(140).hex()) for n in range(200)]
    server = Server(body=zipped(desk.folder, *noise), cut_after=10_000)
    async with serving(server) as source:
        await desk.updater.update(source)
    assert len(await desk.ids()) == 200
    assert server.asked[-1]["Range"].startswith("bytes=")


async def test_update__a_download_whose_file_changed_meanwhile_begins_anew(desk: Desk) -> None:
    server = Server(body=zipped(desk.folder, ONE))
    folder = desk.folder / "data" / NAME
    folder.mkdir(parents=True)
    (folder / "mine.part").write_bytes(b"PK of another time")
    (folder / "mine.part.json").write_bytes(b'{"etag": "\\"0\\"", "last_modified": ""}')
    async with serving(server) as source:
        assert (await desk.updater.update(source)).imported == FeedImport(added=1)


async def test_download__has_a_bound(desk: Desk) -> None:
    async with serving(Server(body=b"x" * 5_000)) as source:
        with pytest.raises(FeedError, match="larger than 1000"):
            await fetching.download(source, desk.folder, fetching.Validators(), bytes_max=1_000)
    assert not (desk.folder / "mine.part").exists()


async def test_update__a_server_that_is_not_there_is_an_error_with_a_reason(desk: Desk) -> None:
    async with serving(Server()) as source:
        pass
    with pytest.raises(FeedError, match="could not be fetched"):
        await desk.updater.update(source)
    assert "could not be fetched" in (await desk.feed()).error


async def test_update__a_source_under_a_new_name_asks_for_all_of_it(desk: Desk) -> None:
    """The validators of one place say nothing about another."""
    one, other = Server(body=zipped(desk.folder, ONE)), Server(body=zipped(desk.folder, ONE))
    async with serving(one) as source:
        await desk.updater.update(source)
    async with serving(other) as source:
        await desk.updater.update(source)
    assert "If-None-Match" not in other.asked[0]
    await asyncio.sleep(0)


def test_document__is_what_the_server_gives(tmp_path: Path) -> None:
    assert document(ONE) in list(members(ONE).values())
    assert zipped(tmp_path, ONE).startswith(b"PK")


async def test_update__a_failure_is_told_once_until_it_works_again(desk: Desk) -> None:
    await desk.store.add_webhook(EARS, actor="test")
    path = desk.folder / "x.jsonl"
    source = parse_source(f"mine={path}")
    for _ in range(3):
        with pytest.raises(FeedError):
            await desk.updater.update(source)
    (event,) = await heard(desk.store)
    assert (event.kind, event.subject) == (EventKind.FEED_FAILED, "mine")
    assert dict(event.facts)["last read"] == "never"
    to_jsonl(path, members(ONE))
    await desk.updater.update(source)
    path.unlink()
    with pytest.raises(FeedError):
        await desk.updater.update(source)
    assert len(await heard(desk.store)) == 1
