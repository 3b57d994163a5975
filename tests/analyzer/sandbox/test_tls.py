"""The server name of a real ClientHello, and nothing from anything else."""

from __future__ import annotations

import contextlib
import ssl

from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox import tls


def hello(name: str) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = hello("some.host.invalid")


def test_server_name__is_read_from_a_hello() -> None:
    assert tls.server_name(HELLO) == "some.host.invalid"


@given(st.integers(0, 600))
def test_server_name__a_cut_hello_never_raises(cut: int) -> None:
    assert tls.server_name(HELLO[:cut]) in ("", "some.host.invalid")


@given(st.binary(max_size=400))
def test_server_name__garbage_never_raises(data: bytes) -> None:
    tls.server_name(data)
    tls.server_name(bytes([0x16, 3, 1, 0, 0, 1]) + data)
