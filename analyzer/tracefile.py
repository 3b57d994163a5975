"""The trace as it is kept: gzip of one JSON object a line, each with only the fields it has."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import MISSING, fields

import msgspec

from models.errors import ValueInvalid
from models.evidence import TRACE_BYTES_MAX
from models.trace import Event, EventKind

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6
_TAIL_BYTES = 64 * 1024
"""Room that is left for what the compressor still holds when the bound comes near."""
UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
"""Bytes of a stored trace without its compression; 200,000 events of 400 bytes are 80 MB."""
LINE_BYTES_MAX = 64 * 1024
"""Bytes of one event; with all its texts at their bounds it has some 10 KB, escaped."""
_PIECE_BYTES = 1024 * 1024
_EVERYDAY = frozenset(
    {EventKind.OPEN, EventKind.PATH, EventKind.MMAP_EXEC, EventKind.FORK, EventKind.FILE_IO}
)
"""Kinds that make nearly all of a large trace, and that are left out first."""
_DEFAULTS = tuple(
    (field.name, None if field.default is MISSING else field.default) for field in fields(Event)
)


def encode_trace(events: Sequence[Event], *, bytes_max: int = TRACE_BYTES_MAX) -> tuple[bytes, int]:
    """(gzip, events left out). Where all do not fit, everyday events are left out first."""
    data, written = _compress(events, bytes_max)
    if written < len(events):
        rare = [event for event in events if event.kind not in _EVERYDAY or event.result < 0]
        data, written = _compress(rare, bytes_max)
    return data, len(events) - written


def read_trace(data: bytes, *, without: Collection[EventKind] = ()) -> Iterator[Event]:
    """The events of a stored trace, one by one. It may come from anybody, so all of it is checked.

    Lines of the kinds `without` are passed over unread, which costs a tenth of reading them.
    Raises ValueInvalid, naming the line.
    """
    decoder = msgspec.json.Decoder(Event)
    passed = tuple(b'{"kind":"%s"' % kind.encode() for kind in without)
    for number, line in enumerate(_lines(data), start=1):
        if passed and line.startswith(passed):
            continue
        try:
            yield decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueInvalid(f"Line {number} of the trace is no event: {error}.") from error


def _lines(data: bytes) -> Iterator[bytes]:
    rest = b""
    for piece in _pieces(data):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LINE_BYTES_MAX:
            raise ValueInvalid(f"The trace has a line of more than {LINE_BYTES_MAX} bytes.")
    if rest:
        raise ValueInvalid("The trace ends within an event.")


def _pieces(data: bytes) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    size = 0
    while not decompressor.eof:
        try:
            piece = decompressor.decompress(data, _PIECE_BYTES)
        except zlib.error as error:
            raise ValueInvalid(f"The trace is not gzip: {error}.") from error
        data = decompressor.unconsumed_tail
        size += len(piece)
        if size > UNPACKED_BYTES_MAX:
            raise ValueInvalid(f"The trace is larger than {UNPACKED_BYTES_MAX} bytes.")
        if not piece and not data and not decompressor.eof:
            raise ValueInvalid("The trace was cut off.")
        yield piece


def _compress(events: Iterable[Event], bytes_max: int) -> tuple[bytes, int]:
    # zlib instead of the gzip module: no time stamp, so that equal traces are equal bytes.
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    encode = msgspec.json.Encoder().encode
    parts: list[bytes] = []
    size = written = 0
    for event in events:
        part = compressor.compress(encode(compact(event)) + b"\n")
        written += 1
        if part:
            parts.append(part)
            size += len(part)
            if size > bytes_max - _TAIL_BYTES:
                break
    parts.append(compressor.flush())
    return b"".join(parts), written


def compact(event: Event) -> dict[str, object]:
    """An event with only the fields it has."""
    found = {}
    for name, default in _DEFAULTS:
        value = getattr(event, name)
        if value != default:
            found[name] = value
    return found
