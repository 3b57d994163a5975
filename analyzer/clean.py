"""Hostile text made harmless: printable, one line, and cut to its bound."""

from __future__ import annotations

TEXT_CHARS_MAX = 300
"""Characters of `models.evidence.Text`."""
_CUT = "…"


def printable(text: str | bytes, limit: int = TEXT_CHARS_MAX) -> str:
    """`text` with every unprintable character escaped, at most `limit` characters long.

    Escaped are control, format (bidirectional overrides), surrogate and unassigned characters,
    and every white space but the plain one: exactly what `str.isprintable` refuses.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "surrogateescape")
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + _CUT[:limit]


def printable_lines(text: str | bytes, limit: int) -> str:
    """As `printable`, but line ends stay, and what is cut is the beginning: a tail of output."""
    if isinstance(text, bytes):
        text = text[-limit * 4 :].decode("utf-8", "surrogateescape")
    lines = text[-limit:].splitlines()
    return "\n".join(printable(line, limit) for line in lines)[-limit:]


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
