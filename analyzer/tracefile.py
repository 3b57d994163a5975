"""The trace as it is kept: gzip of one JSON object a line, each with only the fields it has."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields

import msgspec

from models.evidence import TRACE_BYTES_MAX
from models.trace import Event, EventKind

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6
_TAIL_BYTES = 64 * 1024
"""Room that is left for what the compressor still holds when the bound comes near."""
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


def _compress(events: Iterable[Event], bytes_max: int) -> tuple[bytes, int]:
    # zlib instead of the gzip module: no time stamp, so that equal traces are equal bytes.
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    encode = msgspec.json.Encoder().encode
    parts: list[bytes] = []
    size = written = 0
    for event in events:
        part = compressor.compress(encode(_compact(event)) + b"\n")
        written += 1
        if part:
            parts.append(part)
            size += len(part)
            if size > bytes_max - _TAIL_BYTES:
                break
    parts.append(compressor.flush())
    return b"".join(parts), written


def _compact(event: Event) -> dict[str, object]:
    found = {}
    for name, default in _DEFAULTS:
        value = getattr(event, name)
        if value != default:
            found[name] = value
    return found
