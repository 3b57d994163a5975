"""The trace as it is kept."""

from __future__ import annotations

import random
import zlib

import msgspec

from analyzer.tracefile import encode_trace
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
