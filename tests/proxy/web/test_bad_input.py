"""Whatever a client, a disk or a hand in our folder does: a clear answer, and nothing kept or lost."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.web.connections import HEADERS_MAX
from tests.proxy.web.decided import denied, served, until
from tests.proxy.web.house import House, open_house, path_of
from tests.proxy.web.test_spellings import MARK, request_of, statuses, target_of

WHEEL = "demo-1.0-py3-none-any.whl"
NEWER = "demo-2.0-py3-none-any.whl"
DATA = b"PK\x03\x04 the bytes of a wheel that nobody may have " * 40
LARGE = b"\x00\x01large" * 600_000
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
STOLEN = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"


# -- spellings ----------------------------------------------------------------------------------
DOUBLED = [
    "/files/pypi/demo/{sha}/x/%252e%252e/{file}",
    "/files/pypi/demo/{sha}%252f{file}",
    "/files/pypi/demo/{sha}/{file}%2500",
    "/files/pypi/demo/{sha}/%25%32%65%25%32%65/{file}",
    "/files/pypi/demo/{sha}/%c0%ae%c0%ae/{file}",
    "/files/pypi/demo/{sha}/%u002e%u002e/{file}",
    "/files/pypi/demo/{sha}/{file}%e2%80%8b",
    "/files/pypi/dem%ef%bd%8f/{sha}/{file}",
    "/files/pypi/dem%C3%B6/{sha}/{file}",
    "/files///pypi/demo/{sha}/{file}",
    "/files/pypi/demo/{sha}/.../{file}",
    "/./files/pypi/demo/{sha}/{file}",
    "/files/./pypi/../pypi/demo/{sha}/{file}",
    "\\files\\pypi\\demo\\{sha}\\{file}",
]


@pytest.mark.parametrize("template", DOUBLED)
async def test_target__encoded_twice_or_oddly_is_never_the_file(
    house: House, template: str
) -> None:
    refused = house.upstream.publish(WHEEL, DATA)
    await house.upstream.ensure(refused)
    await house.decide(denied(refused))
    target = target_of(template, refused.sha256)
    for method in ("GET", "HEAD"):
        answer = await house.raw(request_of(target, house.client_secret, method=method))
        assert MARK not in answer
        assert all(status >= 300 for status in statuses(answer))
        assert statuses(answer)


@pytest.mark.parametrize(
    "name",
    ["dem%EF%BD%8F", "dem%C3%B6", "%E2%84%AAdemo", "demo%E2%80%AE", "%25de", "de%2520mo", "."],
)
async def test_project__a_name_that_is_not_ascii_is_404(house: House, name: str) -> None:
    house.upstream.publish(WHEEL, DATA)
    answer = await house.raw(request_of(f"/simple/{name}/", house.client_secret))
    assert statuses(answer)[0] in (400, 404)


# -- methods and versions -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/simple/", {"GET", "HEAD"}),
        ("/simple/demo/", {"GET", "HEAD"}),
        ("/healthz", {"GET", "HEAD"}),
        ("/metrics", {"GET", "HEAD"}),
        ("/", {"GET", "HEAD"}),
        ("/login", {"GET", "HEAD", "POST"}),
        ("/logout", {"POST"}),
        ("/worker/v1/lease", {"POST"}),
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_method__that_is_wrong_is_405_with_those_that_are_right(
    house: House, path: str, allowed: set[str], method: str
) -> None:
    answer = await house.get(path, method=method)
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(",")) == allowed


async def test_method__on_nothing_is_404(house: House) -> None:
    for method in ("GET", "DELETE"):
        assert (await house.get("/nothing/here", method=method)).status == 404


async def test_http_1_0__is_answered_whole_and_ends(house: House) -> None:
    house.upstream.publish(WHEEL, DATA)
    request = request_of("/simple/demo/", house.client_secret)
    request = request.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Connection: close\r\n", b"")
    head, _, body = (await house.raw(request)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert b"chunked" not in head
    assert f"Content-Length: {len(body)}".encode() in head


async def test_pipelining__answers_come_in_order_though_the_first_is_held(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    held = request_of(path_of(ref), house.client_secret)
    held = held.replace(b"Connection: close\r\n", b"")
    asked = [held, HEALTH.replace(b"Connection: close\r\n", b""), HEALTH]
    answers = (await house.raw(b"".join(asked))).split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [302, 200, 200]


# -- heads ----------------------------------------------------------------------------------------
FLOODS = [
    b"".join(b"X-%d: a\r\n" % number for number in range(HEADERS_MAX + 1)),
    b"".join(b"X: a\r\n" for _ in range(10_000)),
    b"X: " + b"a" * 9_000 + b"\r\n",
    b"a" * 9_000 + b": x\r\n",
    b"Range: bytes=0-1," + b",".join(b"%d-%d" % (n, n) for n in range(3_000)) + b"\r\n",
    b"Accept: " + b"text/html;q=0.1," * 1_000 + b"\r\n",
]


@pytest.mark.parametrize("headers", FLOODS, ids=range(len(FLOODS)))
async def test_head__that_is_too_large_is_an_error(house: House, headers: bytes) -> None:
    answer = await house.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert statuses(answer) == [400]
    assert statuses(await house.raw(HEALTH)) == [200]


SMUGGLED = [
    (b"Content-Length: 0", b"Transfer-Encoding: chunked"),
    (b"Transfer-Encoding: chunked", b"Content-Length: 6"),
    (b"Transfer-Encoding : chunked",),
    (b"Transfer-Encoding: xchunked",),
    (b"Transfer-Encoding: chunked, identity",),
    (b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow"),
    (b"Transfer-Encoding:\x0bchunked",),
    (b"Transfer-Encoding: chunked\x00",),
    (b" Transfer-Encoding: chunked",),
    (b"X: x\n\nTransfer-Encoding: chunked",),
    (b"Content-Length: 0", b"Content-Length: 43"),
    (b"Content-Length: 0, 43",),
    (b"Content-Length: +0",),
    (b"Content-Length: -1",),
    (b"Content-Length: 0x0",),
    (b"Content-Length: 0_0",),
    (b"Content-Length: 0 0",),
    (b"Content-Length: 99999999999999999999",),
    (b"Content-Length : 0",),
    (b"Content-Length\x00: 0",),
]


@pytest.mark.parametrize("headers", SMUGGLED, ids=repr)
async def test_body__framed_in_two_ways_ends_the_connection(
    house: House, headers: tuple[bytes, ...]
) -> None:
    head = b"\r\n".join((b"POST /login HTTP/1.1", b"Host: x", *headers))
    answer = await house.raw(head + b"\r\n\r\n" + b"0\r\n\r\n" + STOLEN)
    assert statuses(answer) == [400]
    assert answer.count(b"HTTP/1.") == 1


BAD_CHUNKS = [
    b"0x0\r\n\r\n",
    b"-1\r\n\r\n",
    b"+0\r\n\r\n",
    b"0_0\r\n\r\n",
    b"zz\r\n",
    b"1\r\nab\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("chunks", BAD_CHUNKS, ids=repr)
async def test_body__in_bad_chunks_ends_the_connection(house: House, chunks: bytes) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await house.raw(head + chunks + STOLEN)
    assert statuses(answer)[0] >= 400
    assert answer.count(b"HTTP/1.") == 1


async def test_host__that_is_forged_is_repeated_nowhere(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA, extra={"provenance": "https://index.invalid/p"})
    await house.decide(denied(ref))
    for target in ("/simple/demo/", "/simple/demo", "/simple/", path_of(ref), "/healthz", "/"):
        for more in ("", "X-Forwarded-Host: evil.example\r\n", "Forwarded: host=evil.example\r\n"):
            answer = await house.raw(request_of(target, house.client_secret, more=more))
            assert b"evil.example" not in answer


# -- clients that leave ---------------------------------------------------------------------------
async def test_held__clients_that_left_free_their_places_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=3_600, hold_s=3_600) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        request = request_of(path_of(ref), house.client_secret)
        for _ in range(3):
            with ExitStack() as stack:
                for _ in range(50):
                    place = (house.host, house.port)
                    stack.enter_context(socket.create_connection(place)).sendall(request)
                await until(lambda: house.holds.in_all == 50)
            await until(lambda: house.holds.in_all == 0)
        await house.decide(served(ref))
        assert (await house.get(path_of(ref))).body == DATA


async def test_held__one_that_left_does_not_stop_the_analysis(tmp_path: Path) -> None:
    async with open_house(tmp_path, hop_s=3_600, hold_s=3_600) as house:
        ref = house.upstream.publish(WHEEL, DATA)
        with socket.create_connection((house.host, house.port)) as leaving:
            leaving.sendall(request_of(path_of(ref), house.client_secret))
            await until(lambda: house.holds.in_all == 1)
        await until(lambda: house.holds.in_all == 0)
        jobs = await house.store.jobs()
        assert [job.ref for job in jobs] == [ref]


async def test_transfer__a_client_that_left_frees_its_place(tmp_path: Path) -> None:
    async with open_house(tmp_path, transfers_max=1) as house:
        ref = house.upstream.publish(WHEEL, LARGE)
        await house.decide(served(ref))
        with socket.create_connection((house.host, house.port)) as leaving:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            leaving.sendall(request_of(path_of(ref), house.client_secret))
            await until(lambda: len(house.upstream.fetched) == 1)
            await asyncio.to_thread(leaving.recv, 1)
            assert (await house.get(path_of(ref))).status == 429
        async with asyncio.timeout(20):
            while (again := await house.get(path_of(ref))).status == 429:
                pass  # we may hear of its leaving a moment later
        assert again.body == LARGE


async def test_transfer__a_client_that_left_before_it_began_is_no_failure(house: House) -> None:
    ref = house.upstream.publish(WHEEL, LARGE)
    await house.decide(served(ref))
    house.upstream.may_fetch.clear()
    with capture_logs() as logs:
        with socket.create_connection((house.host, house.port)) as leaving:
            leaving.sendall(request_of(path_of(ref), house.client_secret))
            leaving.shutdown(socket.SHUT_WR)  # half-closed counts as gone
            assert await asyncio.to_thread(leaving.recv, 1) == b""
        house.upstream.may_fetch.set()
        assert (await house.get(path_of(ref))).body == LARGE
    assert not [log for log in logs if log["event"] == "request_failed"]


# -- disks ------------------------------------------------------------------------------------------
async def test_folder__removed_under_us_is_made_anew(house: House) -> None:
    approved, refused = house.upstream.publish(WHEEL, LARGE), house.upstream.publish(NEWER, DATA)
    await house.decide(served(approved))
    await house.decide(denied(refused))
    assert (await house.get(path_of(approved))).body == LARGE
    shutil.rmtree(house.root / "artifacts")
    assert house.folder.trouble()
    assert (await house.get(path_of(approved))).body == LARGE
    assert (await house.get(path_of(refused))).status == 403
    assert house.folder.trouble() == ""
    assert house.folder.used_bytes() == len(LARGE)


async def test_disk__that_is_full_is_told_and_nothing_is_kept_or_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, new = house.upstream.publish(WHEEL, DATA), house.upstream.publish(NEWER, LARGE)
    for ref in (kept, new):
        await house.decide(served(ref))
    assert (await house.get(path_of(kept))).body == DATA
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if "artifacts" in Path(f"/proc/self/fd/{descriptor}").readlink().parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        answer = await house.get(path_of(new))
        assert answer.status == 429
        assert b"No space left" in answer.body
        assert answer.headers["Retry-After"]
        assert (await house.get(path_of(kept))).body == DATA
    assert list((house.root / "artifacts" / "tmp").iterdir()) == []
    assert house.folder.used_bytes() == len(DATA)
    assert house.folder._promised == 0
    assert (await house.get(path_of(new))).body == LARGE


async def test_disk__that_is_full_keeps_an_unseen_file_unseen(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    usage = shutil.disk_usage(house.root)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
        answers = [await house.get(path_of(ref)) for _ in range(5)]
    assert {answer.status for answer in answers} <= {302, 429}
    assert answers[-1].status == 429
    assert await house.store.jobs() == ()
    later = house.upstream.publish(NEWER, DATA + b"2")
    assert (await house.get(path_of(later))).status == 302
    await until(lambda: house.folder.path(later.sha256) is not None)
