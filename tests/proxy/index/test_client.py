"""What an upstream may do to us over HTTP, and how each ends."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from models.errors import (
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamTooLarge,
    UpstreamUnavailable,
    ValueInvalid,
)
from proxy.index.client import (
    UpstreamBounds,
    UpstreamClient,
    _is_link_local,
    _redirected,
    read_bounded,
)
from tests.proxy.index.local import HASTY, LocalUpstream, answer, local_upstream, truncated

PATH = "/simple/demo/"


@asynccontextmanager
async def client_of(url: str, bounds: UpstreamBounds = HASTY) -> AsyncIterator[UpstreamClient]:
    client = UpstreamClient(url, bounds=bounds)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def body_of(
    upstream: LocalUpstream, *, bytes_max: int = 1_000, bounds: UpstreamBounds = HASTY
) -> bytes:
    async with client_of(upstream.url, bounds) as client:

        async def attempt() -> bytes:
            async with client.get(f"{client.url}demo/", total_s=2.0) as got:
                return await read_bounded(got, bytes_max=bytes_max)

        return await client.retrying(attempt)


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (400, UpstreamInvalid, 1),
        (401, UpstreamInvalid, 1),
        (403, UpstreamInvalid, 1),
        (404, UpstreamNotFound, 1),
        (410, UpstreamNotFound, 1),
        (429, UpstreamUnavailable, 3),
        (500, UpstreamUnavailable, 3),
        (503, UpstreamUnavailable, 3),
        (202, UpstreamInvalid, 1),
    ],
)
async def test_get__a_status_becomes_its_error(
    upstream: LocalUpstream, status: int, error: type[UpstreamError], tries: int
) -> None:
    upstream.always[PATH] = answer(b"no", status=status)
    with pytest.raises(error):
        await body_of(upstream)
    assert len(upstream.seen) == tries


async def test_retrying__a_passing_failure_is_survived(upstream: LocalUpstream) -> None:
    upstream.first[PATH] = [answer(status=503), truncated(b"par", announced=10)]
    upstream.always[PATH] = answer(b"whole")
    assert await body_of(upstream) == b"whole"


async def test_get__silence_ends_at_the_bound(upstream: LocalUpstream) -> None:
    upstream.always[PATH] = upstream.hang
    with pytest.raises(UpstreamUnavailable, match="did not answer in time"):
        await body_of(upstream, bounds=replace(HASTY, attempts_max=1))


async def test_get__nobody_there_is_unavailable() -> None:
    async with local_upstream() as gone:
        url = gone.url
    async with client_of(url) as client:
        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            async with client.get(url, total_s=2.0):
                pass


async def test_get__before_start_is_unavailable() -> None:
    client = UpstreamClient("http://127.0.0.1/simple/")
    with pytest.raises(UpstreamUnavailable):
        async with client.get(client.url, total_s=1.0):
            pass


async def test_read_bounded__an_announced_size_is_refused_unread(upstream: LocalUpstream) -> None:
    upstream.always[PATH] = answer(b"x" * 1_001)
    with pytest.raises(UpstreamTooLarge):
        await body_of(upstream)


async def test_read_bounded__counts_what_is_unpacked(upstream: LocalUpstream) -> None:
    packed = gzip.compress(b"x" * 1_000_000)
    upstream.always[PATH] = answer(packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(UpstreamTooLarge):
        await body_of(upstream, bytes_max=100_000)
    assert len(await body_of(upstream, bytes_max=1_000_000)) == 1_000_000


async def test_get__follows_a_redirect(upstream: LocalUpstream) -> None:
    upstream.always[PATH] = answer(status=301, headers={"Location": "/elsewhere/demo/#x"})
    upstream.always["/elsewhere/demo/"] = answer(b"here")
    async with (
        client_of(upstream.url) as client,
        client.get(f"{client.url}demo/", total_s=2.0) as got,
    ):
        assert got.url.endswith("/elsewhere/demo/")


async def test_get__a_chain_of_redirects_ends_at_the_bound(upstream: LocalUpstream) -> None:
    upstream.always[PATH] = answer(status=302, headers={"Location": PATH})
    with pytest.raises(UpstreamInvalid, match="redirected more than 5 times"):
        await body_of(upstream)
    assert len(upstream.seen) == HASTY.redirects_max + 1


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://files.test/x",
        "http://user:secret@127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[bad/",
    ],
)
async def test_get__a_redirect_to_what_must_not_be_asked_ends_there(
    upstream: LocalUpstream, target: str
) -> None:
    upstream.always[PATH] = answer(status=302, headers={"Location": target})
    with pytest.raises(UpstreamInvalid):
        await body_of(upstream)


def test_redirected__https_never_turns_into_http() -> None:
    with pytest.raises(UpstreamInvalid):
        _redirected("https://a.test/x", "http://a.test/x", keep_https=True)
    assert _redirected("https://a.test/x", "http://a.test/y", keep_https=False) == "http://a.test/y"


async def test_get__credentials_go_to_their_own_origin_alone(upstream: LocalUpstream) -> None:
    async with local_upstream() as other:
        away = other.url.replace("/simple/", "/files/x")
        other.files["/files/x"] = b"x"
        upstream.always[PATH] = answer(status=302, headers={"Location": away})
        with_secret = upstream.url.replace("http://", "http://user:p%40ss@")
        async with client_of(with_secret) as client:
            assert "user" not in client.url
            async with client.get(f"{client.url}demo/", total_s=2.0) as got:
                assert got.status == 200
        assert upstream.seen[0].headers["Authorization"] == "Basic dXNlcjpwQHNz"
        assert "Authorization" not in other.seen[0].headers


async def test_get__raw_leaves_an_encoding_undone(upstream: LocalUpstream) -> None:
    packed = gzip.compress(b"hello")
    upstream.always[PATH] = answer(packed, headers={"Content-Encoding": "gzip"})
    async with (
        client_of(upstream.url) as client,
        client.get(f"{client.url}demo/", total_s=2.0, raw=True) as got,
    ):
        assert await read_bounded(got, bytes_max=100) == packed


async def test_get__cookies_are_forgotten(upstream: LocalUpstream) -> None:
    async def sets_cookie(request: web.Request) -> web.Response:
        del request
        response = web.Response(body=b"x")
        response.set_cookie("id", "1")
        return response

    upstream.always[PATH] = sets_cookie
    async with client_of(upstream.url) as client:
        for _ in range(2):
            async with client.get(f"{client.url}demo/", total_s=2.0) as got:
                await read_bounded(got, bytes_max=10)
    assert "Cookie" not in upstream.seen[1].headers


@pytest.mark.parametrize("url", ["ftp://a.test/", "a.test/simple", "http://", "/simple/"])
def test_client__an_upstream_must_be_http(url: str) -> None:
    with pytest.raises(ValueInvalid):
        UpstreamClient(url)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("169.254.1.1", True),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.0.1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("files.test", False),
    ],
)
def test_is_link_local__knows_every_spelling(host: str, expected: bool) -> None:
    assert _is_link_local(host) is expected


async def test_get__goes_through_the_proxy_that_the_environment_names(
    upstream: LocalUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str | None]] = []

    async def forward(request: web.Request) -> web.Response:
        seen.append((str(request.url), request.headers.get("Proxy-Authorization")))
        return web.Response(body=b"through the proxy")

    async with local_upstream() as forwarder:
        forwarder.always[PATH] = forward
        forwarder.always["http://index.invalid" + PATH] = forward
        proxy = forwarder.url.removesuffix("/simple/").replace("http://", "http://ann:secret@")
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        async with (
            client_of("http://index.invalid/simple/") as client,
            client.get(f"{client.url}demo/", total_s=2.0) as got,
        ):
            assert await read_bounded(got, bytes_max=100) == b"through the proxy"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        upstream.always[PATH] = answer(body=b"direct")
        assert await body_of(upstream) == b"direct"
    assert seen == [("http://index.invalid/simple/demo/", "Basic YW5uOnNlY3JldA==")]
