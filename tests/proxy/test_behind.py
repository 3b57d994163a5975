"""Upstreams put together: each with its own credentials, which no page of another one can spend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from models.artifact import IndexName, parse_ref
from models.clock import utc_now
from models.errors import UpstreamError, UpstreamInvalid, UpstreamNotFound
from policies.modes import Mode
from proxy.artifacts.folder import FolderArtifacts
from proxy.behind import Behind, modes_of
from proxy.index.declared import Upstream, plain
from proxy.index.port import Ahead
from proxy.store.memory import MemoryStore
from tests.proxy.index.local import LocalUpstream, answer, local_upstream

ACME, PYPI = IndexName("acme"), IndexName("pypi")
OURS, DEMO = canonicalize_name("acme-core"), canonicalize_name("demo")
TOKEN = "Bearer t0ken"
WHEEL = "acme_core-1.0-py3-none-any.whl"


@dataclass
class Bench:
    private: LocalUpstream
    public: LocalUpstream
    behind: Behind

    def shown(self) -> set[str]:
        """What the private index was shown."""
        return {request.headers.get("Authorization", "") for request in self.private.seen}


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with local_upstream() as private, local_upstream() as public:
        upstreams = (
            Upstream(name=ACME, url=private.url, names=("acme-*",), authorization=TOKEN),
            plain(PYPI, public.url),
        )
        artifacts = FolderArtifacts(tmp_path / "artifacts")
        async with Behind(
            upstreams, MemoryStore(clock=utc_now), artifacts, clock=utc_now
        ) as behind:
            yield Bench(private, public, behind)


async def test_own__page_and_file_come_with_its_credentials(bench: Bench) -> None:
    sha256 = bench.private.add(WHEEL, b"ours")
    page = await bench.behind.index.project(OURS)
    assert page.index == ACME
    ref = parse_ref(ACME, OURS, sha256, WHEEL)
    assert (await bench.behind.fetchers.ensure(ref)).read_bytes() == b"ours"
    assert bench.shown() == {TOKEN}
    assert bench.public.seen == []


async def test_strangers_page__that_points_at_a_private_file_spends_no_credentials(
    bench: Bench,
) -> None:
    secret = bench.private.add(WHEEL, b"ours")
    url = bench.private.url.replace("/simple/", f"/files/{WHEEL}")
    sha256 = bench.public.add("demo-1.0-py3-none-any.whl", b"x")
    entry = bench.public.pages["demo"]["files"][0]
    aimed = url.replace(WHEEL, "demo-1.0-py3-none-any.whl")
    entry |= {"url": aimed, "hashes": {"sha256": secret}, "size": len(b"ours")}
    bench.private.files["/files/demo-1.0-py3-none-any.whl"] = b"ours"
    (file,) = (await bench.behind.index.project(DEMO)).files
    assert (file.sha256, file.index) == (secret, PYPI)
    await bench.behind.fetchers.ensure(parse_ref(PYPI, DEMO, secret, file.filename))
    assert bench.shown() == {""}
    assert sha256 != secret


async def test_redirect__to_another_host_loses_the_credentials_and_is_no_page(bench: Bench) -> None:
    elsewhere = bench.public.url.replace("127.0.0.1", "localhost") + "acme-core/"
    bench.private.always["/simple/acme-core/"] = answer(status=302, headers={"Location": elsewhere})
    with pytest.raises(UpstreamInvalid, match="to another host"):
        await bench.behind.index.project(OURS)
    bench.private.always.clear()
    sha256 = bench.private.add(WHEEL, b"ours")
    bench.public.files[f"/files/{WHEEL}"] = b"ours"
    moved = bench.public.url.replace("/simple/", f"/files/{WHEEL}")
    bench.private.always[f"/files/{WHEEL}"] = answer(status=302, headers={"Location": moved})
    await bench.behind.fetchers.ensure(parse_ref(ACME, OURS, sha256, WHEEL))
    assert [request.headers.get("Authorization") for request in bench.public.seen] == [None]


async def test_locations__that_pages_state_are_followed_nowhere(bench: Bench) -> None:
    """PEP 708: neither index may bring the other in, whatever both say."""
    bench.public.add("demo-1.0-py3-none-any.whl", b"judged")
    bench.private.add("demo-2.0-py3-none-any.whl", b"elsewhere")
    places = [f"{one.url}demo/" for one in (bench.public, bench.private)]
    for one in (bench.public, bench.private):
        page = one.pages["demo"]
        page["alternate-locations"] = places
        page["meta"] |= {"api-version": "1.2", "tracks": places}
    page_here = await bench.behind.index.project(DEMO)
    assert [file.filename for file in page_here.files] == ["demo-1.0-py3-none-any.whl"]
    assert bench.private.seen == []


async def test_ahead__what_an_own_file_requires_reaches_the_public_index_when_asked_for(
    bench: Bench,
) -> None:
    bench.public.add("demo-1.0-py3-none-any.whl", b"x")
    assert await bench.behind.index.ahead(DEMO, told_by=ACME) is Ahead.WITHHELD
    assert bench.public.seen == []
    await bench.behind.index.project(DEMO)
    assert await bench.behind.index.ahead(DEMO, told_by=ACME) is Ahead.AT_HAND
    assert bench.public.paths() == ["/simple/demo/"]
    assert bench.private.seen == []


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_refusal_or_fault__of_the_owner_is_no_absence(bench: Bench, status: int) -> None:
    bench.public.add(WHEEL, b"strangers")
    bench.private.always["/simple/acme-core/"] = answer(status=status)
    with pytest.raises(UpstreamError) as caught:
        await bench.behind.index.project(OURS)
    assert not isinstance(caught.value, UpstreamNotFound)
    assert bench.public.seen == []


async def test_page__of_another_project_is_none(bench: Bench) -> None:
    bench.private.add("other-1.0-py3-none-any.whl", b"x")
    bench.private.pages["acme-core"] = bench.private.pages.pop("other")
    with pytest.raises(UpstreamInvalid, match="not a page of that project"):
        await bench.behind.index.project(OURS)


def test_modes__are_those_that_the_policy_does_not_set() -> None:
    own = Upstream(name=ACME, folder=Path("/srv"), mode=Mode.OBSERVE)
    assert modes_of((own, plain(PYPI, "https://index.invalid/"))) == {ACME: Mode.OBSERVE}
