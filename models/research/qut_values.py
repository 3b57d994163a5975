"""The values of QUT-DV25's processed table: what a cell may hold, read and written as the dataset does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

Transitions = tuple[tuple[str, int], ...]
Value = int | str | tuple[str, ...] | Transitions
"""A cell: by Kind."""

CELL_CHARS_MAX = 20_000
"""Characters of one cell; the longest of the dataset, a list of dependencies, has some thousand."""
LIST_MAX = 1_000
"""Items of one cell."""

_TRANSITION = re.compile(r"'([^'\\]{1,60})': ([0-9]{1,12})")
_COUNT = re.compile(r"[0-9]{1,15}(?:\.0)?")


class Kind(StrEnum):
    """What a column holds."""

    COUNT = "count"
    """An integer (read with or without the `.0` that pandas adds to columns with gaps)."""
    TRANSITIONS = "transitions"
    """A Python dict as text, `{'CLOSE -> ->': 2}`, most frequent first."""
    PROCESSES = "processes"
    """Process names, `a, b`, at most five."""
    REQUIREMENTS = "requirements"
    """Distributions, each ending in a semicolon: `a-1.0; b-2;`. None: empty."""
    PATTERN = "pattern"
    """Calls and tags, `a -> b -> c`. None: empty."""


def empty(kind: Kind) -> Value:
    """The value of a run that did nothing of the kind."""
    if kind is Kind.COUNT:
        return 0
    return "" if kind is Kind.PATTERN else ()


def parse(kind: Kind, text: str) -> Value:
    """A cell's value. Raises ValueError, saying what is wrong with it."""
    if len(text) > CELL_CHARS_MAX:
        raise ValueError(f"{len(text)} characters are more than {CELL_CHARS_MAX}")
    match kind:
        case Kind.COUNT:
            if not _COUNT.fullmatch(text):
                raise ValueError(f"{text[:40]!r} is no count")
            return int(text.removesuffix(".0"))
        case Kind.TRANSITIONS:
            return _transitions(text)
        case Kind.PROCESSES:
            return _items(text, ", ")
        case Kind.REQUIREMENTS:
            if text and not text.endswith(";"):
                raise ValueError(f"{text[-40:]!r} does not end in a semicolon")
            return _items(text.removesuffix(";"), "; ")
        case Kind.PATTERN:
            return text


def render(kind: Kind, value: Value) -> str:
    """A value as the dataset writes it. Raises TypeError where it is not of the kind."""
    match kind, value:
        case Kind.COUNT, int():
            return str(value)
        case Kind.PATTERN, str():
            return value
        case Kind.TRANSITIONS, tuple():
            pairs = [item for item in value if isinstance(item, tuple)]
            return "{" + ", ".join(f"{name!r}: {count}" for name, count in pairs) + "}"
        case Kind.PROCESSES, tuple():
            return ", ".join(str(item) for item in value)
        case Kind.REQUIREMENTS, tuple():
            return "; ".join(str(item) for item in value) + ";" if value else ""
        case _:
            raise TypeError(f"{value!r} is no value of kind {kind}")


def transitions(counts: Mapping[str, int]) -> Transitions:
    """Counts by old state as the column holds them, most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return tuple((f"{old} -> ->", count) for old, count in ranked)


def _transitions(text: str) -> Transitions:
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError(f"{text[:40]!r} is no table of transitions")
    found = []
    for part in text[1:-1].split(", ") if text != "{}" else ():
        match = _TRANSITION.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:40]!r} is no transition and its count")
        found.append((match[1], int(match[2])))
    return tuple(found)


def _items(text: str, separator: str) -> tuple[str, ...]:
    items = tuple(text.split(separator)) if text else ()
    if len(items) > LIST_MAX:
        raise ValueError(f"{len(items)} items are more than {LIST_MAX}")
    if not all(items):
        raise ValueError("an item is empty")
    return items
