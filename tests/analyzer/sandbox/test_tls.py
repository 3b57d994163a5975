"""The name in a real ClientHello, what is said inside, and nothing from anything else."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox import tls
from analyzer.sandbox.authority import Authority
from tests.analyzer.sandbox.tlsclient import Client


def hello(name: str) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = hello("some.host.invalid")
MESSAGE = tls.hello_of(HELLO) or b""


def in_records(message: bytes, size: int) -> bytes:
    """A message cut into records of at most `size`."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def test_server_name__is_read_from_a_hello() -> None:
    assert tls.server_name(MESSAGE) == "some.host.invalid"


@given(st.integers(1, 700))
def test_hello_of__is_whole_however_it_is_cut_into_records(size: int) -> None:
    assert tls.hello_of(in_records(MESSAGE, size)) == MESSAGE


@given(st.integers(0, 600))
def test_hello_of__a_cut_one_is_none(cut: int) -> None:
    assert tls.hello_of(HELLO[: min(cut, len(HELLO) - 1)]) is None
    assert tls.server_name(MESSAGE[:cut]) in ("", "some.host.invalid")


@given(st.binary(max_size=400))
def test_server_name__garbage_never_raises(data: bytes) -> None:
    tls.server_name(data)
    tls.hello_of(bytes([0x16, 3, 1, 0, 9, 1]) + data)


AUTHORITY = Authority()


def session() -> tls.Session:
    return tls.Session(AUTHORITY.context("some.host.invalid", "192.0.2.1"))


def test_session__gives_what_was_said_inside_and_answers_there() -> None:
    server, inside = session(), bytearray()

    def exchange(data: bytes) -> bytes:
        inside.extend(server.feed(data))
        if inside:
            server.send(b"answer")
            server.bye()
        return server.take()

    client = Client(AUTHORITY.trust.pem, "some.host.invalid", alpn=("h2", "http/1.1"))
    client.connect(exchange)
    assert server.state == "ended"
    assert client.tls.selected_alpn_protocol() == "http/1.1"
    assert client.send(b"question" * 5000, exchange) == b"answer"
    assert bytes(inside) == b"question" * 5000


def test_session__a_client_that_trusts_others_refuses() -> None:
    server = session()

    def exchange(data: bytes) -> bytes:
        assert server.feed(data) == b""
        return server.take()

    with pytest.raises(ssl.SSLCertVerificationError):
        Client(Authority().trust.pem, "some.host.invalid").connect(exchange)
    assert server.state == "refused"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session__old_and_new_versions_are_spoken(version: ssl.TLSVersion) -> None:
    server = session()

    def exchange(data: bytes) -> bytes:
        server.feed(data)
        return server.take()

    client = Client(AUTHORITY.trust.pem, "some.host.invalid", version=version)
    client.connect(exchange)
    assert server.state == "ended"


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_session__garbage_never_raises(pieces: list[bytes]) -> None:
    server = session()
    for piece in pieces:
        assert server.feed(piece) == b""
    server.send(b"x")
    server.bye()
    server.close()
    assert server.state == "refused"
