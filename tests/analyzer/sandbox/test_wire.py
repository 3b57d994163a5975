"""Messages keep their borders, carry descriptors, and leak none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from analyzer.sandbox import wire
from analyzer.sandbox.protocol import MESSAGE_BYTES_MAX

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Pair]:
    one, two = wire.pair()
    two.settimeout(5)
    yield one, two
    one.close()
    two.close()


def test_send__arrives_whole_with_its_descriptors(ends: Pair) -> None:
    reader, writer = os.pipe()
    wire.send(ends[0], {"op": "x", "n": 1}, [writer])
    os.close(writer)
    received = wire.receive(ends[1])
    assert received is not None
    message, (given,) = received
    os.write(given, b"hi")
    os.close(given)
    assert message == {"op": "x", "n": 1}
    assert os.read(reader, 10) == b"hi"
    os.close(reader)


def test_receive__none_when_the_peer_closed(ends: Pair) -> None:
    ends[0].close()
    assert wire.receive(ends[1]) is None


@pytest.mark.parametrize("data", [b"[]", b"{", b"\xff", b"3", b"[" * 50_000], ids=lambda d: d[:4])
def test_receive__what_is_no_object_is_refused_and_its_descriptors_closed(
    ends: Pair, data: bytes
) -> None:
    reader, writer = os.pipe()
    socket.send_fds(ends[0], [data], [writer])
    os.close(writer)
    with pytest.raises(wire.WireError):
        wire.receive(ends[1])
    assert os.read(reader, 1) == b""  # the last writer is gone
    os.close(reader)


def test_send__too_much_is_refused(ends: Pair) -> None:
    with pytest.raises(wire.WireError):
        wire.send(ends[0], {"x": "y" * MESSAGE_BYTES_MAX})


def test_receive__last_words_are_heard_though_ours_were_not(ends: Pair) -> None:
    wire.send(ends[1], {"never": "read"})
    wire.send(ends[0], {"last": "words"})
    ends[0].close()
    received = wire.receive(ends[1])
    assert received == ({"last": "words"}, [])
