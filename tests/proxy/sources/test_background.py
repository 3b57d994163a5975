"""Backgrounds: what is read of a document, and one contract for the real ones and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from packaging.utils import NormalizedName, canonicalize_name

from models.clock import utc_now
from models.errors import UpstreamInvalid, UpstreamUnavailable
from proxy.index.client import UpstreamClient
from proxy.sources.background import (
    ITEMS_MAX,
    TEXT_CHARS_MAX,
    Background,
    Backgrounds,
    background_or_none,
    parse_document,
)
from proxy.sources.documents import DocumentBackgrounds, ProjectDocuments
from tests.proxy.index.local import HASTY, LocalUpstream, local_upstream
from tests.proxy.sources.fakes import FakeBackgrounds

DEMO = canonicalize_name("demo")
DOCUMENT = {
    "info": {
        "name": "demo",
        "summary": "A demo.",
        "description": "Long.",
        "home_page": "",
        "project_urls": {"Source": "https://github.com/acme/demo", "Home": " "},
        "requires_dist": ["requests>=2", 7],
    },
    "ownership": {"roles": [{"role": "Owner", "user": "alice"}], "organization": "acme"},
}
KNOWN = Background(
    summary="A demo.",
    description="Long.",
    links=("https://github.com/acme/demo",),
    owners=frozenset({"user:alice", "organisation:acme"}),
    requires=("requests>=2",),
)


def test_parse_document__reads_what_is_documented() -> None:
    assert parse_document(orjson.dumps(DOCUMENT)) == KNOWN


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({}, Background()),
        ({"info": None, "ownership": None}, Background()),
        ({"info": {"summary": 3, "project_urls": [], "requires_dist": "x"}}, Background()),
        ({"ownership": {}}, Background(owners=frozenset())),
        ({"ownership": {"roles": ["x", {"user": 3}]}}, Background(owners=frozenset())),
    ],
)
def test_parse_document__other_forms_count_as_not_there(document: object, read: Background) -> None:
    assert parse_document(orjson.dumps(document)) == read


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_parse_document__what_is_no_object_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        parse_document(body)


def test_parse_document__is_bounded() -> None:
    info = {"summary": "x" * 99_999, "requires_dist": ["a" * 9_999] * 999}
    read = parse_document(orjson.dumps({"info": info}))
    assert (len(read.summary), len(read.requires)) == (TEXT_CHARS_MAX, ITEMS_MAX)
    assert max(map(len, read.requires)) == 1000


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[LocalUpstream]:
    async with local_upstream() as running:
        yield running


@pytest_asyncio.fixture(params=["real", "fake"])
async def backgrounds(
    request: pytest.FixtureRequest, upstream: LocalUpstream
) -> AsyncIterator[Backgrounds]:
    """One that knows `demo`, cannot be asked about `broken`, and knows nobody else."""
    if request.param == "fake":
        yield FakeBackgrounds({DEMO: KNOWN}, broken=frozenset({canonicalize_name("broken")}))
        return

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(DOCUMENT)

    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    upstream.always["/pypi/demo/json"] = answer
    upstream.always["/pypi/broken/json"] = broken
    client = UpstreamClient(upstream.url, bounds=HASTY)
    await client.start()
    yield DocumentBackgrounds(ProjectDocuments(client, clock=utc_now))
    await client.close()


async def test_backgrounds__contract(backgrounds: Backgrounds) -> None:
    assert await backgrounds.of(DEMO) == KNOWN
    assert await backgrounds.of(DEMO) == KNOWN
    assert await backgrounds.of(NormalizedName("nobody")) is None
    with pytest.raises(UpstreamUnavailable):
        await backgrounds.of(NormalizedName("broken"))
    assert await background_or_none(backgrounds, NormalizedName("broken")) is None


async def test_document_backgrounds__ask_once_for_all_that_read_a_document(
    upstream: LocalUpstream,
) -> None:
    client = UpstreamClient(upstream.url, bounds=HASTY)
    await client.start()
    documents = ProjectDocuments(client, clock=utc_now)
    backgrounds = DocumentBackgrounds(documents)
    for _ in range(3):
        assert await backgrounds.of(DEMO) is None
    assert (await documents.of(DEMO)).ownership is None
    await client.close()
    assert upstream.paths() == ["/pypi/demo/json"]
