"""Which words of upstream's page are passed on: never one that could lead a client past us.

Whatever a page says beyond what we know, a client of tomorrow may act upon. A key that could name
another place to fetch from is therefore left out, whatever it is called. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LOCATIONS_MAX = 32
"""Alternate locations passed on; a project has two or three (PEP 708)."""
LOCATION_CHARS_MAX = 500
"""Characters of one of them."""

_WITHHELD_KEYS = frozenset({"gpg-sig", "provenance"})
"""Said by us or not at all: a signature that we do not serve, and upstream's own provenance URL."""
_TRACKS = "tracks"
"""PEP 708: merge this project with one elsewhere. Elsewhere nobody is judged."""
_LOCATIONS = "alternate-locations"
_AWAY = re.compile(r"//|\\\\|\b(?:https?|ftp|file):", re.IGNORECASE)
"""What a client could take for an address on another host."""


def passed_file_keys(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The unknown keys of a file's entry that may be passed on."""
    if extra.keys() <= _WITHHELD_KEYS:  # as on nearly every file
        return {}
    return {
        key: value
        for key, value in extra.items()
        if key not in _WITHHELD_KEYS and not _leads_away(value)
    }


def passed_page_keys(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The unknown keys of a page; `alternate-locations` with those that are plain URLs (PEP 708)."""
    kept = {
        key: value for key, value in extra.items() if key != _LOCATIONS and not _leads_away(value)
    }
    stated = extra.get(_LOCATIONS)
    if isinstance(stated, list):
        kept[_LOCATIONS] = [one for one in stated[:LOCATIONS_MAX] if _is_location(one)]
    return kept


def passed_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The unknown keys of `meta`, without `tracks`.

    Whoever merges us with another index merges the judged with the unjudged, and is better stopped
    by the installer (decision 29).
    """
    return {key: value for key, value in meta.items() if key != _TRACKS and not _leads_away(value)}


def _is_location(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > LOCATION_CHARS_MAX or not value.isprintable():
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _leads_away(value: Any) -> bool:
    """Whether any text in it looks like an address; without recursion, for it may nest deeply."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if _AWAY.search(one):
                return True
        elif isinstance(one, Mapping):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return False
