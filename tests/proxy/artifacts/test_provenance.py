"""Provenance objects come from upstream's own hosts, bounded, and are kept for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from analyzer.provenance.verification import PROVENANCE_BYTES_MAX
from models.artifact import Sha256
from models.errors import UpstreamInvalid, UpstreamNotFound, UpstreamTooLarge
from proxy.artifacts.provenance import ProvenanceObjects
from proxy.index.client import UpstreamClient
from proxy.simple.page import IndexFile
from tests.proxy.index.local import HASTY, LocalUpstream
from tests.proxy.web.decided import ref_of

WHEEL = "demo-1.0-py3-none-any.whl"
REF = ref_of(WHEEL, b"data")
OBJECT = b'{"version": 1, "attestation_bundles": []}'
PLACE = "/integrity/demo"


@asynccontextmanager
async def objects_of(upstream: LocalUpstream) -> AsyncIterator[ProvenanceObjects]:
    client = UpstreamClient(upstream.url, bounds=HASTY)
    await client.start()
    objects = ProvenanceObjects({REF.index: client})
    try:
        yield objects
    finally:
        await objects.close()
        await client.close()


def entry(upstream: LocalUpstream, provenance: object) -> IndexFile:
    url = f"{upstream.url.partition('/simple')[0]}/files/{WHEEL}"
    return IndexFile(
        filename=WHEEL, url=url, sha256=Sha256(REF.sha256), extra={"provenance": provenance}
    )


def sends(data: bytes = b"", *, status: int = 200, location: str = "") -> object:
    async def handle(_: web.Request) -> web.StreamResponse:
        headers = {"Location": location} if location else None
        return web.Response(status=status, body=data, headers=headers)

    return handle


async def test_of__is_fetched_once_and_passed_on_as_it_is(upstream: LocalUpstream) -> None:
    upstream.files[PLACE] = OBJECT
    async with objects_of(upstream) as objects:
        for _ in range(2):
            assert await objects.of(REF, entry(upstream, f"../..{PLACE}")) == OBJECT
    assert upstream.paths() == [PLACE]


@pytest.mark.parametrize("stated", [None, True, 7])
async def test_of__what_is_not_announced_is_not_asked_for(
    upstream: LocalUpstream, stated: object
) -> None:
    async with objects_of(upstream) as objects:
        with pytest.raises(UpstreamNotFound):
            await objects.of(REF, entry(upstream, stated))
    assert upstream.paths() == []


@pytest.mark.parametrize("url", ["https://elsewhere.invalid/p", "https://me:x@[bad/p"])
async def test_of__no_other_host_is_asked(upstream: LocalUpstream, url: str) -> None:
    async with objects_of(upstream) as objects:
        with pytest.raises(UpstreamInvalid):
            await objects.of(REF, entry(upstream, url))


async def test_of__one_that_is_redirected_elsewhere_is_refused(upstream: LocalUpstream) -> None:
    upstream.always[PLACE] = sends(status=302, location="http://elsewhere.invalid/p")  # type: ignore[assignment]
    async with objects_of(upstream) as objects:
        with pytest.raises(UpstreamInvalid):
            await objects.of(REF, entry(upstream, PLACE))


async def test_of__one_that_is_too_large_is_refused(upstream: LocalUpstream) -> None:
    upstream.files[PLACE] = b"x" * (PROVENANCE_BYTES_MAX + 1)
    async with objects_of(upstream) as objects:
        with pytest.raises(UpstreamTooLarge):
            await objects.of(REF, entry(upstream, PLACE))


async def test_of__one_that_is_gone_is_not_found(upstream: LocalUpstream) -> None:
    async with objects_of(upstream) as objects:
        with pytest.raises(UpstreamNotFound):
            await objects.of(REF, entry(upstream, PLACE))
