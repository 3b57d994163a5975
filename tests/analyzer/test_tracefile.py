"""The trace as it is kept."""

from __future__ import annotations

import random
import zlib

import msgspec
import pytest

from analyzer import tracefile
from analyzer.tracefile import encode_trace, read_trace
from models.errors import ValueInvalid
from models.phase import Phase
from models.trace import Event, EventKind

NET = Event(kind=EventKind.NET, phase=Phase.IMPORT, at_us=9, address="203.0.113.7", canaries=("a",))


def decode(data: bytes) -> list[Event]:
    text = zlib.decompress(data, 31)
    return [msgspec.json.decode(line, type=Event) for line in text.splitlines()]


def opens(count: int) -> list[Event]:
    source = random.Random(7)  # noqa: S311 - incompressible text, no secret
    return [
        Event(
            kind=EventKind.OPEN,
            phase=Phase.IMPORT,
            at_us=number,
            path="/" + source.randbytes(100).hex(),
        )
        for number in range(count)
    ]


def test_encode_trace__comes_back_whole() -> None:
    events = [*opens(5), NET]

    data, left_out = encode_trace(events)

    assert decode(data) == events
    assert left_out == 0


def test_encode_trace__the_same_events_are_the_same_bytes() -> None:
    assert encode_trace(opens(5)) == encode_trace(opens(5))


def test_encode_trace__everyday_events_are_left_out_first_and_counted() -> None:
    events = [*opens(3000), NET]

    data, left_out = encode_trace(events, bytes_max=128 * 1024)

    assert len(data) <= 128 * 1024
    assert decode(data) == [NET]
    assert left_out == 3000


def test_encode_trace__rare_events_are_cut_too_where_they_flood() -> None:
    events = [
        Event(kind=EventKind.EXEC, phase=Phase.IMPORT, at_us=0, path=event.path)
        for event in opens(3000)
    ]

    data, left_out = encode_trace(events, bytes_max=128 * 1024)

    assert len(data) <= 128 * 1024
    assert len(decode(data)) + left_out == 3000
    assert left_out > 0


def gzip(text: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(text) + compressor.flush()


def test_read_trace__gives_back_what_was_encoded() -> None:
    events = [*opens(500), NET]
    data, _ = encode_trace(events)
    assert list(read_trace(data)) == events
    assert list(read_trace(encode_trace([])[0])) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cut off"),
        (b"no gzip", "not gzip"),
        (gzip(b'{"kind":"open"}\n'), "Line 1 of the trace is no event"),
        (gzip(b"{}\n" * 2), "Line 1"),
        (gzip(b'{"kind":"open","phase":"P3","at_us":1}\nnone\n'), "Line 2"),
        (gzip(b'{"kind":"open","phase":"P3","at_us":1}'), "within an event"),
        (gzip(b" " * 200_000), "has a line of more"),
        (gzip(b'{"kind":"open","phase":"P3","at_us":1,"path":"' + b"x" * 400 + b'"}\n'), "Line 1"),
        (encode_trace(opens(50))[0][:-20], "cut off"),
    ],
)
def test_read_trace__what_is_none_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(ValueInvalid, match=said):
        list(read_trace(data))


def test_read_trace__is_bounded_whatever_it_unpacks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracefile, "UNPACKED_BYTES_MAX", 3 * 1024 * 1024)
    bomb = gzip(b'{"kind":"open","phase":"P3","at_us":1}\n' * 200_000)
    with pytest.raises(ValueInvalid, match="larger than"):
        list(read_trace(bomb))
