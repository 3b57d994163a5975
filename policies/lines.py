"""Where a key stands in a TOML text: for messages only, so an odd layout costs a line number, no more."""

from __future__ import annotations

import re
from collections import Counter

Path = tuple[str | int, ...]
"""Keys from the root; an index for an entry of an array of tables."""

_HEADER = re.compile(r"\s*\[(?P<array>\[)?\s*(?P<name>[A-Za-z0-9_.\"' -]+?)\s*\]")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*=")
_STATED_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def locate(text: str) -> dict[Path, int]:
    """The line (from 1) of every table header and every key that begins a line."""
    places: dict[Path, int] = {}
    arrays: Counter[Path] = Counter()
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            table = _within(header["name"], arrays)
            if header["array"]:
                arrays[table] += 1
                table = (*table, arrays[table] - 1)
            places.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            places.setdefault((*table, key["key"].strip("\"'")), number)
    return places


def _within(name: str, arrays: Counter[Path]) -> Path:
    """The path of a header; each array of tables before its last part means its newest entry."""
    *outer, last = (part.strip(" \"'") for part in name.split("."))
    path: Path = ()
    for part in outer:
        path = (*path, part)
        if arrays[path]:
            path = (*path, arrays[path] - 1)
    return (*path, last)


def stated_place(message: str) -> str:
    """Where a mistake is, in the words of a message of the parser: its line, where it names one."""
    found = _STATED_LINE.search(message)
    if found:
        return f"line {found[1]}"
    return "the end" if "end of document" in message else "the document"
