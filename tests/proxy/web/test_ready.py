"""A ready answer is, on the wire, the answer that aiohttp would have made."""

from __future__ import annotations

import re

import pytest

from proxy.web.ready import head_of
from tests.proxy.web.decided import served
from tests.proxy.web.house import House, path_of

WHEEL = "demo-1.0-py3-none-any.whl"


def without_moment(answer: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, headers but for the date, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert re.fullmatch(rb"\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT", headers.pop(b"Date"))
    return status, headers, body


def request(house: House, method: str, path: str, *more: str) -> bytes:
    token = f"Authorization: Bearer {house.client_secret}"
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", token, *more, "", "")).encode()


@pytest.mark.parametrize("path", ["file", "/simple/demo/"])
async def test_ready__is_the_same_on_a_connection_that_ends(house: House, path: str) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    place = path_of(ref) if path == "file" else path
    await house.get(place)
    stays = await house.raw(request(house, "GET", place), hang_up=True)
    ends = await house.raw(request(house, "GET", place, "Connection: close"))
    status, headers, body = without_moment(ends)
    assert headers.pop(b"Connection") == b"close"
    assert without_moment(stays) == (status, headers, body)
    assert status == b"HTTP/1.1 200 OK"
    assert len(body) == int(headers[b"Content-Length"])


async def test_ready__a_head_has_the_length_and_no_body(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for _ in range(2):
        answer = await house.get(path_of(ref), method="HEAD")
        assert (answer.headers["Content-Length"], answer.body) == ("4", b"")


async def test_ready__not_modified_has_no_length(house: House) -> None:
    house.upstream.publish(WHEEL, b"data")
    etag = (await house.get("/simple/demo/")).headers["Etag"]
    answer = await house.get("/simple/demo/", If_None_Match=etag)
    assert answer.status == 304
    assert "Content-Length" not in answer.headers
    assert answer.headers["Etag"] == etag


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ready__a_long_one_says_the_same_whatever_becomes_of_the_connection(
    house: House, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    house.upstream.publish(WHEEL, b"data")
    path = "/simple/demo/"
    joined = without_moment(await house.raw(request(house, method, path), hang_up=True))
    monkeypatch.setattr("proxy.web.ready.JOINED_BYTES_MAX", 10)
    assert without_moment(await house.raw(request(house, method, path), hang_up=True)) == joined
    ends = await house.raw(request(house, method, path, "Connection: close"))
    status, headers, body = without_moment(ends)
    assert headers.pop(b"Connection") == b"close"
    assert (status, headers, body) == joined
    old = request(house, method, path).replace(b"HTTP/1.1", b"HTTP/1.0")
    _, headers, body = without_moment(await house.raw(old))
    assert (headers, body) == joined[1:]
    assert (len(body) > 10) == (method == "GET")


@pytest.mark.parametrize("broken", ["a\r\nb", "a\nb", "a\0b"])
def test_head_of__a_header_is_one_line(broken: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        head_of(200, {"X-Thing": broken}, b"")
    with pytest.raises(ValueError, match="one line"):
        head_of(200, {broken: "x"}, b"")
