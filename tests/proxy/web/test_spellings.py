"""No spelling of a URL, and nothing that a socket can carry, walks round the decision."""

from __future__ import annotations

import base64

import pytest

from tests.proxy.web.decided import denied, held, proved, served
from tests.proxy.web.house import House, path_of

WHEEL = "demo-1.0-py3-none-any.whl"
DATA = b"PK\x03\x04 the bytes of a wheel that nobody may have " * 40
MARK = b"the bytes of a wheel"

TARGETS = [
    "/files/pypi/demo/{sha}/{file}",
    "/files/pypi/Demo/{sha}/{file}",
    "/files/pypi/demo/{SHA}/{file}",
    "/files/pypi/demo/{sha}/{File}",
    "/files/pypi/demo/{sha}/{file}/",
    "/files/pypi/demo/{sha}//{file}",
    "//files/pypi/demo/{sha}/{file}",
    "/files//pypi/demo/{sha}/{file}",
    "/files/pypi/demo/{sha}/./{file}",
    "/files/pypi/demo/{sha}/x/../{file}",
    "/files/pypi/other/../demo/{sha}/{file}",
    "/files/pypi/demo/{sha}/%2e/{file}",
    "/files/pypi/demo/{sha}/x/%2e%2e/{file}",
    "/files/pypi/demo/{sha}/..%2f{sha}%2f{file}",
    "/files/pypi/demo%2f{sha}%2f{file}",
    "/files/pypi/d%65mo/{sha}/{file}",
    "/files/pypi/demo/{sha}/d%65mo-1.0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any%2ewhl",
    "/files/pypi/demo/{sha}/demo-1%2E0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl%00",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl%00.metadata",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl%20",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl%2f",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl%5c",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.whl;x=1",
    "/files/pypi/demo;v=1/{sha}/{file}",
    "/files/pypi/demo/{sha};a/{file}",
    "/files/pypi/demo/{sha}/{file};",
    "/files/pypi/demo/{sha}/{file}?",
    "/files/pypi/demo/{sha}/{file}?a=b#c",
    "/files/pypi/demo/{sha}/{file}#frag",
    "/files/pypi/demo/{sha}/{file}.metadata",
    "/files/pypi/demo/{sha}/{file}.metadata.metadata",
    "/files/pypi/demo/{sha}/{file}.METADATA",
    "/files/pypi/demo/{sha}/{file}.asc",
    "/files/PYPI/demo/{sha}/{file}",
    "/files/other/demo/{sha}/{file}",
    "/files/pypi/demo/sha256:{sha}/{file}",
    "/files/pypi/demo/{sha}%00/{file}",
    "/files/pypi/demo/%20{sha}/{file}",
    "/files/pypi/demo/{sha}/demo-1.0-py3-none-any.WHL",
    "/files/pypi/demo/{sha}/demo-01.0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/demo-1.0.0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/demo-1.0-1-py3-none-any.whl",
    "/files/pypi/demo/{sha}/Demo-1.0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/demo-1.0.tar.gz",
    "/files/pypi/evil/{sha}/{file}",
    "/files/pypi/demo/{sha}/evil-1.0-py3-none-any.whl",
    "/files/pypi/demo/{sha}/%E2%80%AEdemo.whl",
    "/files/pypi/demo/{sha}/%ff%fe",
    "/files/pypi/demo/{sha}/%",
    "/files/pypi/demo/{sha}/%zz{file}",
    "/files/pypi/demo/{sha}/",
    "/files/pypi/demo/{sha}",
    "/static/../files/pypi/demo/{sha}/{file}",
    "/static/%2e%2e/artifacts/{sha}",
    "/v/../files/pypi/demo/{sha}/{file}",
    "/simple/../files/pypi/demo/{sha}/{file}",
    "/worker/v1/leases/x/artifact",
    "/worker/v1/leases/..%2f..%2ffiles/files/{sha}",
    "http://evil.example/files/pypi/demo/{sha}/{file}",
    "http://127.0.0.1/files/pypi/demo/{sha}/{file}",
    "https://evil.example:443//files/pypi/demo/{sha}/{file}",
    "*",
    "/" + "a/" * 2000,
    "/files/" + "%2e%2e/" * 300 + "etc/passwd",
]
METHODS = ["GET", "HEAD"]


def target_of(template: str, sha256: str) -> str:
    return template.format(sha=sha256, SHA=sha256.upper(), file=WHEEL, File=WHEEL.title())


def request_of(target: str, secret: str, *, method: str = "GET", more: str = "") -> bytes:
    token = base64.b64encode(f"t:{secret}".encode()).decode()
    return (
        f"{method} {target} HTTP/1.1\r\nHost: evil.example\r\n"
        f"Authorization: Basic {token}\r\nConnection: close\r\n{more}\r\n"
    ).encode("latin-1")


def statuses(answer: bytes) -> list[int]:
    """The status of each response in what came back."""
    return [
        int(line.split(b" ")[1])
        for line in answer.split(b"\r\n")
        if line.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
    ]


@pytest.mark.parametrize(
    "decide", [denied, proved, held, None], ids=["deny", "proof", "hold", "unseen"]
)
async def test_target__of_a_refused_file_gives_no_byte(house: House, decide: object) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    await house.upstream.ensure(ref)
    if callable(decide):
        await house.decide(decide(ref))
    for template in TARGETS:
        target = target_of(template, ref.sha256)
        for method in METHODS:
            for more in ("", "Range: bytes=0-15\r\n"):
                answer = await house.raw(
                    request_of(target, house.client_secret, method=method, more=more)
                )
                assert MARK not in answer, (method, target)
                assert f"Length: {len(DATA)}".encode() not in answer, (method, target)
                assert b"evil.example" not in answer, (method, target)
                assert statuses(answer), (method, target)
                assert all(status >= 300 for status in statuses(answer)), (method, target)
    assert await house.fetches() == ()


async def test_target__of_a_served_file_is_the_file_or_nothing(house: House) -> None:
    """What is served under an odd spelling is the very file that was decided upon."""
    ref = house.upstream.publish(WHEEL, DATA)
    await house.decide(served(ref))
    for template in TARGETS:
        answer = await house.raw(request_of(target_of(template, ref.sha256), house.client_secret))
        if MARK in answer:
            assert answer.partition(b"\r\n\r\n")[2] == DATA, template
    assert {row.ref for row in await house.fetches()} == {ref}


NAMES = [
    ("Demo", 301, "../demo/"),
    ("DEMO", 301, "../demo/"),
    ("de.mo", 301, "../de-mo/"),
    ("de__mo", 301, "../de-mo/"),
    ("D%65mo", 301, "../demo/"),
    ("d%65mo", 200, ""),
    ("demo%2f", 404, ""),
    ("..%2fdemo", 404, ""),
    ("%2e%2e", 404, ""),
    ("demo%00", 404, ""),
    ("demo%0d%0aSet-Cookie:%20a", 404, ""),
    ("-demo", 404, ""),
    ("demo-", 404, ""),
    ("%F0%9F%90%8D", 404, ""),
    ("a" * 300, 404, ""),
    ("evil.example", 301, "../evil-example/"),
]


@pytest.mark.parametrize(("name", "status", "location"), NAMES, ids=lambda v: str(v)[:20])
async def test_project__name_in_another_spelling(
    house: House, name: str, status: int, location: str
) -> None:
    house.upstream.publish(WHEEL, DATA)
    answer = await house.raw(request_of(f"/simple/{name}/", house.client_secret))
    assert statuses(answer) == [status]
    if location:
        assert f"Location: {location}\r\n".encode() in answer
    assert b"Set-Cookie" not in answer


@pytest.mark.parametrize(
    ("target", "location"),
    [("/simple", "simple/"), ("/simple/demo", "demo/"), ("/simple/De.Mo", "de-mo/")],
)
async def test_redirect__is_relative_whatever_the_host_header_says(
    house: House, target: str, location: str
) -> None:
    answer = await house.raw(request_of(target, house.client_secret))
    assert statuses(answer) == [301]
    assert f"Location: {location}\r\n".encode() in answer
    assert b"evil.example" not in answer


async def test_file__redirect_of_a_held_file_names_no_origin(house: House) -> None:
    ref = house.upstream.publish(WHEEL, DATA)
    answer = await house.raw(request_of(path_of(ref), house.client_secret))
    assert statuses(answer) == [302]
    assert b"Location: ?hop=1\r\n" in answer


BROKEN = [
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /simple/demo/ HTTP/9.9\r\n\r\n",
    b"GET /simple/demo/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /simple/demo/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /simple/demo/ HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET /simple/\xff\xfe/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /simple/demo/ HTTP/1.1\r\nAuthorization: Basic \xff\xff\r\nHost: a\r\n\r\n",
    b"POST /worker/v1/lease HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
]


@pytest.mark.parametrize("request_", BROKEN, ids=lambda r: repr(r[:24]))
async def test_socket__broken_request_is_an_error_and_the_door_stays_open(
    house: House, request_: bytes
) -> None:
    house.upstream.publish(WHEEL, DATA)
    answer = await house.raw(request_, hang_up=True)
    assert statuses(answer)
    assert all(status >= 400 for status in statuses(answer))
    assert (await house.get("/healthz")).status == 200
