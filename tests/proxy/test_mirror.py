"""Warming asks as an installer does, tells what installers will get, and records nobody's fetch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.errors import ValueInvalid
from proxy.admin.access import Role
from proxy.candidates import Interpreter
from proxy.lockfiles import Lock, Locked
from proxy.mirror import Outcome, Warmed, counted, warm
from tests.proxy.test_candidates import TARGET
from tests.proxy.web.decided import held, ref_of, served, until
from tests.proxy.web.house import House, open_house


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def lock_of(*refs: ArtifactRef, version: str = "1.0") -> Lock:
    projects = dict.fromkeys(ref.project for ref in refs)
    return Lock(
        source="uv.lock",
        releases=tuple(
            Locked(
                project=NormalizedName(project),
                version=version,
                sha256s=tuple(ref.sha256 for ref in refs if ref.project == project),
            )
            for project in projects
        ),
        unpinned=(),
    )


async def index_of(house: House) -> str:
    """The index as an installer with a token names it."""
    secret = await house.token("build", Role.INSTALLER)
    return house.url.replace("http://", f"http://build:{secret}@") + "/simple/"


async def warmed(house: House, *refs: ArtifactRef, **options: object) -> tuple[Warmed, ...]:
    lock = lock_of(*refs)
    return await warm(await index_of(house), [lock], interpreter=None, **options)  # type: ignore[arg-type]  # as the test names them


async def test_warm__says_what_installers_will_get_and_records_no_fetch(house: House) -> None:
    good = house.upstream.publish("demo-1.0-py3-none-any.whl", b"good")
    bad = house.upstream.publish("other-1.0-py3-none-any.whl", b"bad")
    await house.decide(served(good))
    await house.decide(held(bad))
    found = {one.project: one for one in await warmed(house, good, bad)}
    assert found["demo"].outcome is Outcome.SERVED
    assert found["other"].outcome is Outcome.REFUSED
    assert found["other"].reason.startswith("Held by pratique: other 1.0")
    assert house.upstream.fetched == ["demo-1.0-py3-none-any.whl"], "its bytes are here now"
    assert await house.store.fetches() == ()


async def test_warm__waits_for_what_nobody_has_judged(house: House) -> None:
    ref = house.upstream.publish("demo-1.0-py3-none-any.whl", b"new")
    warming = asyncio.create_task(warmed(house, ref))
    await until(lambda: house.holds.in_all == 1)
    await house.decide(served(ref))
    (one,) = await warming
    assert one.outcome is Outcome.SERVED


async def test_warm__what_the_index_does_not_list_is_told(house: House) -> None:
    ref = house.upstream.publish("demo-1.0-py3-none-any.whl", b"here")
    gone = replace(ref, sha256=Sha256("f" * 64))
    nowhere = replace(ref, project=NormalizedName("nowhere"))
    found = await warmed(house, gone, nowhere)
    assert counted(found)[Outcome.UNLISTED] == 2


async def test_warm__of_each_release_the_file_that_fits(house: House) -> None:
    fits = house.upstream.publish("demo-1.0-py3-none-any.whl", b"fits")
    other = house.upstream.publish("demo-1.0-cp27-cp27m-win32.whl", b"other")
    sdist = house.upstream.publish("demo-1.0.tar.gz", b"sdist")
    for ref in (fits, other, sdist):
        await house.decide(served(ref))
    lock = lock_of(fits, other, sdist)
    url = await index_of(house)
    (one,) = await warm(url, [lock], interpreter=Interpreter(TARGET))
    assert one.filename == fits.filename
    assert len(await warm(url, [lock], interpreter=None)) == 3


async def test_warm__tells_how_far_it_is(house: House) -> None:
    refs = [house.upstream.publish(f"p{n}-1.0-py3-none-any.whl", b"%d" % n) for n in range(5)]
    for ref in refs:
        await house.decide(served(ref))
    told: list[tuple[int, int]] = []
    await warmed(house, *refs, progress=lambda done, known, _: told.append((done, known)))
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


async def test_warm__a_firewall_that_is_not_there_is_an_outcome() -> None:
    ref = served_ref()
    found = await warm("http://127.0.0.1:9/simple/", [lock_of(ref)], interpreter=None)
    assert [one.outcome for one in found] == [Outcome.FAILED]
    assert "cannot be reached" in found[0].reason


@pytest.mark.parametrize("url", ["", "ftp://host/simple/", "simple", "http:///x", "http://[::1/"])
async def test_warm__what_is_no_index_is_refused(url: str) -> None:
    with pytest.raises(ValueInvalid):
        await warm(url, [lock_of(served_ref())], interpreter=None)


async def test_warm__no_token_is_an_outcome_and_follows_nobody_elsewhere(tmp_path: Path) -> None:
    async with open_house(tmp_path, token_required=True) as house:
        ref = house.upstream.publish("demo-1.0-py3-none-any.whl", b"good")
        lock = lock_of(ref)
        found = await warm(house.url + "/simple/", [lock], interpreter=None)
    assert [one.outcome for one in found] == [Outcome.UNLISTED]
    assert "401" in found[0].reason


async def test_warm__a_redirect_to_another_host_is_not_followed() -> None:
    asked: list[str] = []

    async def page(request: web.Request) -> web.Response:
        asked.append(request.path)
        ref = served_ref()
        file = {
            "filename": ref.filename,
            "url": f"/files/{ref.filename}",
            "hashes": {"sha256": ref.sha256},
        }
        body = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}
        return web.json_response(body, content_type="application/vnd.pypi.simple.v1+json")

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://elsewhere.invalid/x"})

    app = web.Application()
    app.router.add_get("/simple/demo/", page)
    app.router.add_get("/files/{name}", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/simple/"
        (one,) = await warm(url, [lock_of(served_ref())], interpreter=None)
    finally:
        await runner.cleanup()
    assert (one.outcome, asked) == (Outcome.FAILED, ["/simple/demo/"])


def served_ref() -> ArtifactRef:
    return ref_of("demo-1.0-py3-none-any.whl", b"good")
