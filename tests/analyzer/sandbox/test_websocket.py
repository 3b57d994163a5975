"""Frames come apart however they are cut; nonsense is let be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.websocket import Frames


def frame(content: bytes, key: bytes) -> bytes:
    """A masked frame in its shortest form."""
    size = len(content)
    short = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return b"\x82" + short + key + bytes(b ^ key[at % 4] for at, b in enumerate(content))


@given(
    contents=st.lists(st.binary(max_size=300), max_size=5),
    key=st.binary(min_size=4, max_size=4),
    size=st.integers(1, 64),
)
def test_frames__give_what_was_said(contents: list[bytes], key: bytes, size: int) -> None:
    data = b"".join(frame(content, key) for content in contents)
    frames = Frames()
    said = b"".join(frames.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert said == b"".join(contents)


def test_frames__without_a_mask_are_read_as_they_are() -> None:
    assert Frames().feed(b"\x81\x05hello") == b"hello"


@given(st.lists(st.binary(max_size=100), max_size=6))
def test_frames__garbage_never_raises(pieces: list[bytes]) -> None:
    frames = Frames()
    for piece in pieces:
        frames.feed(piece)
