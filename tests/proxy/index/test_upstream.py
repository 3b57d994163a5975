"""Pages from an index over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name

from models.artifact import parse_index_name
from models.errors import UpstreamInvalid, UpstreamNotFound, UpstreamTooLarge
from proxy.index.client import UpstreamBounds
from proxy.index.default import default_upstream
from proxy.index.upstream import UpstreamIndex, max_age_s
from tests.proxy.index.local import HASTY, JSON_TYPE, LocalUpstream, answer

MAIN = parse_index_name("main")
DEMO = canonicalize_name("demo")
WHEEL = "demo-1.0-py3-none-any.whl"
HTML = f'<a href="../../files/{WHEEL}#sha256={"ab" * 32}">{WHEEL}</a>'.encode()


@asynccontextmanager
async def index_of(url: str, bounds: UpstreamBounds = HASTY) -> AsyncIterator[UpstreamIndex]:
    index = UpstreamIndex(MAIN, url, bounds=bounds)
    await index.start()
    try:
        yield index
    finally:
        await index.close()


async def test_project__reads_a_json_page(upstream: LocalUpstream) -> None:
    sha256 = upstream.add(WHEEL, b"wheel")
    async with index_of(upstream.url) as index:
        page = await index.project(DEMO)
    assert [(file.filename, file.sha256, file.size) for file in page.files] == [(WHEEL, sha256, 5)]
    assert page.files[0].url == upstream.url.replace("/simple/", f"/files/{WHEEL}")
    assert JSON_TYPE in upstream.seen[0].headers["Accept"]


async def test_project__reads_a_large_page(upstream: LocalUpstream) -> None:
    for number in range(500):
        upstream.add(f"demo-1.{number}-py3-none-any.whl", b"wheel")
    async with index_of(upstream.url) as index:
        assert len((await index.project(DEMO)).files) == 500


@pytest.mark.parametrize("content_type", ["text/html", "application/vnd.pypi.simple.v1+html"])
async def test_project__reads_an_html_page(upstream: LocalUpstream, content_type: str) -> None:
    upstream.always["/simple/demo/"] = answer(HTML, content_type=content_type)
    async with index_of(upstream.url.removesuffix("/")) as index:
        page = await index.project(DEMO)
    assert [file.filename for file in page.files] == [WHEEL]


async def test_project__links_are_relative_to_where_the_page_came_from(
    upstream: LocalUpstream,
) -> None:
    upstream.always["/simple/demo/"] = answer(status=302, headers={"Location": "/mirror/a/demo/"})
    upstream.always["/mirror/a/demo/"] = answer(HTML, content_type="text/html")
    async with index_of(upstream.url) as index:
        (file,) = (await index.project(DEMO)).files
    assert file.url.endswith(f"/mirror/files/{WHEEL}")


async def test_project__a_page_of_another_host_is_not_believed(upstream: LocalUpstream) -> None:
    elsewhere = upstream.url.replace("127.0.0.1", "localhost") + "demo/"
    upstream.always["/simple/demo/"] = answer(status=302, headers={"Location": elsewhere})
    upstream.always["/simple/"] = answer(status=302, headers={"Location": elsewhere})
    async with index_of(upstream.url) as index:
        with pytest.raises(UpstreamInvalid, match="another host"):
            await index.project(DEMO)
        with pytest.raises(UpstreamInvalid, match="another host"):
            await index.projects()
    assert upstream.paths() == ["/simple/demo/", "/simple/"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", JSON_TYPE),
        (b"<html>Welcome</html>", "text/html"),
        (HTML, JSON_TYPE),
        (b"{}", "application/json"),
        (b"{}", "application/vnd.pypi.simple.v2+json"),
        (b"", "application/octet-stream"),
    ],
)
async def test_project__broken_pages_are_invalid(
    upstream: LocalUpstream, body: bytes, content_type: str
) -> None:
    upstream.always["/simple/demo/"] = answer(body, content_type=content_type)
    async with index_of(upstream.url) as index:
        with pytest.raises(UpstreamInvalid):
            await index.project(DEMO)
    assert len(upstream.seen) == 1, "what is broken is not asked for again"


async def test_project__an_unknown_one_is_not_found(upstream: LocalUpstream) -> None:
    async with index_of(upstream.url) as index:
        with pytest.raises(UpstreamNotFound):
            await index.project(DEMO)


async def test_project__html_has_a_smaller_bound(upstream: LocalUpstream) -> None:
    upstream.always["/simple/demo/"] = answer(HTML, content_type="text/html")
    async with index_of(upstream.url, replace(HASTY, html_bytes_max=20)) as index:
        with pytest.raises(UpstreamTooLarge):
            await index.project(DEMO)


async def test_fetch__an_etag_makes_it_conditional(upstream: LocalUpstream) -> None:
    headers = {"ETag": '"one"', "Cache-Control": "max-age=30"}
    upstream.first["/simple/demo/"] = [
        answer(HTML, content_type="text/html", headers=headers),
        answer(status=304, headers=headers),
    ]
    async with index_of(upstream.url) as index:
        first = await index.fetch(DEMO)
        second = await index.fetch(DEMO, etag=first.etag)
    assert (first.etag, first.max_age_s, first.unchanged) == ('"one"', 30, False)
    assert (second.unchanged, second.body) == (True, b"")
    assert upstream.seen[1].headers["If-None-Match"] == '"one"'


async def test_fetch__a_date_makes_it_conditional_where_there_is_no_etag(
    upstream: LocalUpstream,
) -> None:
    headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    upstream.first["/simple/demo/"] = [
        answer(HTML, content_type="text/html", headers=headers),
        answer(status=304),
    ]
    async with index_of(upstream.url) as index:
        first = await index.fetch(DEMO)
        second = await index.fetch(DEMO, etag=first.etag)
    assert second.unchanged
    assert upstream.seen[1].headers["If-Modified-Since"] == headers["Last-Modified"]
    assert "If-None-Match" not in upstream.seen[1].headers


@pytest.mark.parametrize(
    ("told", "expected"),
    [("29000000", 29_000_000), ("", None), ("-1", None), ("1e3", None), ("9" * 40, None)],
)
async def test_fetch__the_serial_is_a_number_or_none(
    upstream: LocalUpstream, told: str, expected: int | None
) -> None:
    headers = {"X-PyPI-Last-Serial": told}
    upstream.always["/simple/demo/"] = answer(HTML, content_type="text/html", headers=headers)
    async with index_of(upstream.url) as index:
        assert (await index.fetch(DEMO)).last_serial == expected


@pytest.mark.parametrize("status", [206, 304, 416])
async def test_fetch__a_page_is_whole_or_nothing(upstream: LocalUpstream, status: int) -> None:
    upstream.always["/simple/demo/"] = answer(status=status)
    async with index_of(upstream.url) as index:
        with pytest.raises(UpstreamInvalid):
            await index.fetch(DEMO)


async def test_projects__reads_json_and_html(upstream: LocalUpstream) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "projects": [{"name": "Demo"}]}).encode()
    upstream.first["/simple/"] = [
        answer(body, content_type=JSON_TYPE),
        answer(b'<a href="demo/">Demo</a>', content_type="text/html"),
        answer(b"", content_type="image/png"),
    ]
    async with index_of(upstream.url) as index:
        assert await index.projects() == ("Demo",)
        assert await index.projects() == ("Demo",)
        with pytest.raises(UpstreamInvalid):
            await index.projects()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("public", None),
        ("max-age=600, public", 600),
        ("public, Max-Age = 5", 5),
        ('max-age="7"', 7),
        ("max-age=99999999999", 365 * 86_400),
        ("max-age=-5", None),
        ("s-maxage=5", None),
        ("no-cache, max-age=600", 0),
        ("no-store", 0),
    ],
)
def test_max_age_s__reads_cache_control(header: str, expected: int | None) -> None:
    assert max_age_s(header) == expected


@pytest.mark.upstream
async def test_project__the_index_of_this_machine_has_a_page_that_parses() -> None:
    async with index_of(default_upstream(), UpstreamBounds()) as index:
        page = await index.project(canonicalize_name("six"))
    assert page.skipped == 0
    assert any(file.filename == "six-1.16.0-py2.py3-none-any.whl" for file in page.files)
