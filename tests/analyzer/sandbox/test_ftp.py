"""A client's upload comes to its end, and is told where to send the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.ftp import DATA_PORT, Ftp

SESSION = b"USER u\r\nPASS p\r\nTYPE I\r\nPASV\r\nSTOR x\r\nQUIT\r\n"


@pytest.mark.parametrize("cut", range(0, len(SESSION), 5))
def test_ftp__an_upload_comes_to_its_end_however_it_is_cut(cut: int) -> None:
    ftp = Ftp("192.0.2.1")
    reply = ftp.feed(SESSION[:cut]) + ftp.feed(SESSION[cut:])
    codes = [line[:3] for line in reply.splitlines()]
    assert codes == [b"331", b"230", b"200", b"227", b"150", b"226", b"221"]
    assert b"(192,0,2,1,%d,%d)" % divmod(DATA_PORT, 256) in reply


def test_ftp__over_ipv6_only_the_port_is_told() -> None:
    assert Ftp("2001:db8::1").feed(b"PASV\r\n").startswith(b"522")
    assert b"(|||%d|)" % DATA_PORT in Ftp("2001:db8::1").feed(b"epsv\r\n")


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_ftp__garbage_never_raises(pieces: list[bytes]) -> None:
    ftp = Ftp("192.0.2.1")
    for piece in pieces:
        ftp.feed(piece)
