"""Byte ranges and entity tags (RFC 9110, 13 and 14): pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """`count` bytes from `start`."""

    start: int
    count: int


class RangeNotSatisfiable(ValueError):
    """A well-formed range that lies outside the file: 416."""


def span_of(header: str | None, size: int) -> Span | None:
    """The part that a Range header asks for; None means the whole file.

    Several ranges, other units and what cannot be read are ignored, as the RFC allows (14.2).
    Raises RangeNotSatisfiable.
    """
    match = _RANGE.match(header) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        count = min(int(last), size)
        if count == 0:
            raise RangeNotSatisfiable
        return Span(size - count, count)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    end = min(int(last), size - 1) if last else size - 1
    return Span(start, end - start + 1)


def matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names `etag` (weak comparison, 8.8.3.2)."""
    if header is None:
        return False
    if header == etag:
        return True
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))
