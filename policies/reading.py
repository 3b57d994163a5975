"""Reading a table of a policy document: every mistake is noted with its place, none stops the rest."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from models.errors import Problem
from policies.lines import Path

SHOWN_CHARS_MAX = 60
"""Characters of a wrong value that a message repeats."""
PROBLEMS_MAX = 200
"""Mistakes that are told of one document; whoever made more of them reads no further."""


@dataclass(slots=True)
class Notes:
    """The problems found so far, and where the keys stand."""

    places: Mapping[Path, int]
    problems: list[Problem] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    untold: int = 0
    """Mistakes beyond PROBLEMS_MAX."""

    def sorted(self) -> tuple[Problem, ...]:
        """The problems in the order of the document; those of no known line first."""
        order = sorted(range(len(self.problems)), key=lambda number: self.lines[number])
        told = tuple(self.problems[number] for number in order)
        if not self.untold:
            return told
        more = Problem(where="further on", message=f"there are {self.untold:,} more mistakes")
        return (*told, more)

    @property
    def full(self) -> bool:
        """Whether no more mistakes are told, so that no suggestion need be looked for."""
        return len(self.problems) >= PROBLEMS_MAX

    def add(self, path: Path, message: str, suggestion: str = "") -> None:
        """Note one mistake at `path` (or at the nearest table that has a known line)."""
        if self.full:
            self.untold += 1
            return
        dotted = dotted_path(path)
        line = next(
            (
                self.places[path[:end]]
                for end in range(len(path), 0, -1)
                if path[:end] in self.places
            ),
            None,
        )
        self.lines.append(line or 0)
        where = f"line {line}" if line else (dotted or "the document")
        self.problems.append(
            Problem(where=where, message=f"{dotted} {message}".strip(), suggestion=suggestion)
        )


class Table:
    """One table; keys are taken out one by one, and what is left over at `finish` is unknown."""

    def __init__(self, values: Mapping[str, Any], path: Path, notes: Notes) -> None:
        self._values = values
        self._path = path
        self._notes = notes
        self._known: list[str] = []

    def note(self, key: str, message: str, suggestion: str = "") -> None:
        """Note a mistake at `key`; with an empty key, at the table itself."""
        self._notes.add((*self._path, key) if key else self._path, message, suggestion)

    def has(self, key: str) -> bool:
        """Whether the document states `key`."""
        return key in self._values

    def mention(self, *keys: str) -> None:
        """Say that `keys` are known here, though nobody took them."""
        self._known.extend(keys)

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """One of `options`."""
        value = self._take(key, default)
        if isinstance(value, str) and value in options:
            return value
        listing = ", ".join(f'"{option}"' for option in options)
        self.note(
            key, f"must be one of {listing}, not {shown(value)}", did_you_mean(value, options)
        )
        return default

    def integer(self, key: str, lowest: int, highest: int, default: int) -> int:
        """A whole number between `lowest` and `highest`."""
        value = self._take(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        self.note(key, f"must be a whole number from {lowest} to {highest}, not {shown(value)}")
        return default

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if isinstance(value, bool):
            return value
        self.note(key, f"must be true or false, not {shown(value)}")
        return default

    def text(self, key: str) -> str:
        """A string; empty where it is not stated."""
        value = self._take(key, "")
        if isinstance(value, str):
            return value
        self.note(key, f"must be a string, not {shown(value)}")
        return ""

    def moment(self, key: str) -> datetime | None:
        """A time with a time zone, in UTC; None where it is not stated or wrong."""
        value = self._take(key, None)
        if value is None:
            return None
        if isinstance(value, datetime) and value.tzinfo is not None:
            with suppress(OverflowError):  # the first or the last hours of the calendar
                return value.astimezone(UTC)
        self.note(
            key,
            f"must be a time with a time zone, not {shown(value)}",
            "write it like 2026-01-31T00:00:00Z",
        )
        return None

    def strings(self, key: str, most: int, *, least: int = 1) -> tuple[str, ...]:
        """A list of `least` to `most` strings; empty where it is not stated or wrong."""
        if key not in self._values:
            self._known.append(key)
            return ()
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.note(key, f"must be a list of strings, not {shown(value)}")
            return ()
        if not least <= len(value) <= most:
            self.note(key, f"must hold {least} to {most} entries, not {len(value)}")
            return ()
        return tuple(value)

    def choices(self, key: str, options: Sequence[str]) -> tuple[str, ...]:
        """A list, empty or not, of different ones of `options`; all of them where it is not stated."""
        value = self._take(key, list(options))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.note(key, f"must be a list of strings, not {shown(value)}")
            return tuple(options)
        for item in value:
            if item not in options:
                listing = ", ".join(f'"{option}"' for option in options)
                self.note(
                    key, f"may hold {listing}, not {shown(item)}", did_you_mean(item, options)
                )
        return tuple(option for option in options if option in value)

    def keys(self, most: int) -> tuple[str, ...]:
        """The keys of a table whose keys are names, at most `most`."""
        if len(self._values) > most:
            self.note("", f"may hold at most {most} entries, not {len(self._values)}")
        return tuple(self._values)[:most]

    def table(self, key: str) -> Table:
        """A sub-table; empty where it is not stated or wrong."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            self.note(key, f"must be a table, not {shown(value)}")
            value = {}
        return Table(value, (*self._path, key), self._notes)

    def tables(self, key: str, most: int) -> tuple[Table, ...]:
        """An array of at most `most` tables."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.note(key, f"must be written as [[{key}]] tables")
            return ()
        if len(value) > most:
            self.note(key, f"may stand at most {most} times, not {len(value)}")
            return ()
        return tuple(
            Table(item, (*self._path, key, number), self._notes)
            for number, item in enumerate(value)
        )

    def finish(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                near = "" if self._notes.full else did_you_mean(key, self._known)
                self.note(key, "is not a key of a policy here", near)

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._values.get(key, default)


def dotted_path(path: Path) -> str:
    """`tiers.block`, `rule[2].name`; entries of arrays count from 1, as people do."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def did_you_mean(value: object, options: Sequence[str]) -> str:
    """`did you mean "x"?`, or nothing where nothing is near."""
    if not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value.lower(), options, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def shown(value: object) -> str:
    """A wrong value as a message repeats it, cut."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes down
        text = "a very large number"
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 2] + ".."
