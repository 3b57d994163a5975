"""Byte ranges and entity tags (RFC 9110, 13 and 14): pure."""

from __future__ import annotations

from dataclasses import dataclass

POSITION_MAX = 10**18
"""A position beyond the end of any file; larger ones are taken for this one."""


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
    unit, _, spec = (header or "").partition("=")
    first, dash, last = (part.strip() for part in spec.partition("-"))
    if unit.strip().lower() != "bytes" or not dash or not _are_digits(first, last):
        return None
    if not first:
        if not last:
            return None
        count = min(_position(last), size)
        if count == 0:
            raise RangeNotSatisfiable
        return Span(size - count, count)
    start = _position(first)
    if last and _position(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    end = min(_position(last), size - 1) if last else size - 1
    return Span(start, end - start + 1)


def _are_digits(*texts: str) -> bool:
    return all(not text or (text.isascii() and text.isdigit()) for text in texts)


def _position(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) < len(str(POSITION_MAX)) else POSITION_MAX


def matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names `etag` (weak comparison, 8.8.3.2)."""
    if header is None:
        return False
    if header == etag:
        return True
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))
