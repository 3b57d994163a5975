"""A request is whole when it is whole, however it is cut; what is none is let be."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.http import Request

WHOLE = {
    "get": b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "post": b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunked in two": (
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\nA;x=y\r\n0\r\n\r\n01234\r\n0\r\nT: v\r\n\r\n"
    ),
    "lying length": b"POST / HTTP/1.1\r\nContent-Length: x9\r\n\r\n",
}


@pytest.mark.parametrize("name", sorted(WHOLE))
@given(cuts=st.lists(st.integers(0, 80), max_size=6))
def test_request__is_complete_at_its_end_and_not_before(name: str, cuts: list[int]) -> None:
    data = WHOLE[name]
    request = Request()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for first, last in pairwise(places):
        assert not request.complete
        request.feed(data[first:last])
    assert request.complete
    assert request.line == data.split(b"\r\n")[0].decode()


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_request__garbage_never_raises(pieces: list[bytes]) -> None:
    request = Request()
    for piece in pieces:
        request.feed(piece)
        request.take_interim()
        request.take_chunked()


@pytest.mark.parametrize(
    "data", [b"EHLO me\r\n", b"\x16\x03\x01", b"SSH-2.0-x", b"GETTER / x\r\n\r\n"]
)
def test_request__other_protocols_are_none(data: bytes) -> None:
    request = Request()
    request.feed(data)
    assert request.refused
    assert not request.complete


def test_request__continue_is_said_once() -> None:
    request = Request()
    request.feed(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
    assert request.take_interim().startswith(b"HTTP/1.1 100")
    assert request.take_interim() == b""


def test_request__a_head_without_end_is_given_up() -> None:
    request = Request()
    request.feed(b"GET / HTTP/1.1\r\n")
    request.feed(b"a" * 70_000)
    assert request.refused


CONTENT = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(pieces=CONTENT, cuts=st.lists(st.integers(0, 300), max_size=6))
def test_request__a_chunked_body_is_given_without_its_sizes(
    pieces: list[bytes], cuts: list[int]
) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    data = b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    request, taken = Request(), b""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for first, last in pairwise(places):
        request.feed(data[first:last])
        taken += request.take_chunked()
    assert (taken, request.body, request.complete) == (b"".join(pieces), b"".join(pieces), True)


def test_request__nonsense_among_chunks_counts_as_content() -> None:
    request = Request()
    request.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz top\r\nmore")
    assert request.take_chunked() == b"zz topmore"
    assert not request.complete


def test_request__method_target_and_headers_are_read() -> None:
    request = Request()
    request.feed(b"PUT /a?b HTTP/1.1\r\nX-Some: Value \r\nHost: h:81\r\n\r\n")
    assert (request.method, request.target) == ("PUT", "/a?b")
    assert request.headers == {"x-some": "Value", "host": "h:81"}
