"""Which format and which coding of a page a client gets (PEP 691; RFC 9110, 12.5.1 and 12.5.3)."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Format(StrEnum):
    """A page format; the value is its media type."""

    JSON_V1 = "application/vnd.pypi.simple.v1+json"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    HTML_LEGACY = "text/html"

    @property
    def content_type(self) -> str:
        """The Content-Type header. JSON has no charset parameter (RFC 8259, 11)."""
        return self.value if self is Format.JSON_V1 else f"{self.value}; charset=utf-8"


class Coding(StrEnum):
    """A content coding; the value is its name on the wire. In our order of preference."""

    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


RANGES_MAX = 32
"""Media ranges or codings of one header that are looked at; browsers send fewer than ten."""

UPSTREAM_ACCEPT = f"{Format.JSON_V1}, {Format.HTML_V1};q=0.2, {Format.HTML_LEGACY};q=0.01"
"""What we ask an upstream for: JSON where it has it, as pip and uv do."""

_ALIASES = {
    "application/vnd.pypi.simple.latest+json": Format.JSON_V1.value,
    "application/vnd.pypi.simple.latest+html": Format.HTML_V1.value,
}
_CODING_ALIASES = {"x-gzip": Coding.GZIP.value}
"""RFC 9110, 8.4.1.3."""
_LEAST = 0.0001
"""Identity is acceptable unless refused, and less so than whatever is named (12.5.3)."""
_PREFERENCE = {
    0: (Format.HTML_LEGACY, Format.JSON_V1, Format.HTML_V1),
    1: (Format.JSON_V1, Format.HTML_V1, Format.HTML_LEGACY),
    2: (Format.JSON_V1, Format.HTML_V1, Format.HTML_LEGACY),
}
"""By how exactly the client named the type. Whoever takes anything (a browser, curl, a client from
before PEP 691) gets text/html; whoever names formats gets the one that says most."""


def choose(accept: str | None) -> Format | None:
    """The format for an Accept header; None (answer 406) where the client takes none of ours.

    pip before 22.2 sends `text/html` and rejects a page typed `…v1+html`, so that the two HTML
    types are the same bytes and never stand in for one another.
    """
    if accept is None or not accept.strip():
        return Format.HTML_LEGACY
    ranges = [_parse(part) for part in accept.split(",")[:RANGES_MAX]]
    best: tuple[float, int, int] = (0.0, 0, 0)
    chosen: Format | None = None
    for candidate in Format:
        quality, exactness = _quality(candidate, ranges)
        rank = (quality, exactness, -_PREFERENCE[exactness].index(candidate))
        if quality > 0 and (chosen is None or rank > best):
            best, chosen = rank, candidate
    return chosen


def choose_coding(
    accept_encoding: str | None, offered: Collection[Coding] = tuple(Coding)
) -> Coding:
    """The coding among `offered` for an Accept-Encoding header.

    Whoever sends none gets plain bytes, though the RFC would let us send anything: a client that
    does not speak of codings may not know any. Plain bytes also go to who takes nothing at all.
    """
    qualities = {
        _CODING_ALIASES.get(name, name): quality
        for name, quality in map(_parse, (accept_encoding or "").split(",")[:RANGES_MAX])
    }
    rest = qualities.get("*", 0.0)
    best, chosen = 0.0, Coding.IDENTITY
    for candidate in Coding:
        unnamed = rest or (_LEAST if candidate is Coding.IDENTITY else 0.0)
        quality = qualities.get(candidate.value, unnamed)
        if candidate in offered and quality > best:
            best, chosen = quality, candidate
    return chosen


def _quality(candidate: Format, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """(quality, exactness): the most exact range that matches has the say."""
    wildcard = candidate.value.partition("/")[0] + "/*"
    matches = [
        (2 if name == candidate.value else 1 if name == wildcard else 0, quality)
        for name, quality in ranges
        if name in {candidate.value, wildcard, "*/*"}
    ]
    if not matches:
        return 0.0, 0
    exactness = max(exact for exact, _ in matches)
    return max(quality for exact, quality in matches if exact == exactness), exactness


def _parse(part: str) -> tuple[str, float]:
    """(media type, quality); a range with a quality that is no number counts as refused."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            quality = _number(value.strip())
    lowered = name.lower()
    return _ALIASES.get(lowered, lowered), quality


def _number(text: str) -> float:
    if not text.replace(".", "", 1).isascii() or not text.replace(".", "", 1).isdigit():
        return 0.0
    return min(float(text), 1.0)
