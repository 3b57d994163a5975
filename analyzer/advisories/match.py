"""Whether an advisory speaks of a file: the evaluation of the OSV schema, over PEP 440's order.

Source: https://ossf.github.io/osv-schema/#evaluation. A version is affected if it is listed or lies
in any of the ranges. What a range states beyond PEP 440 is read so that more is affected, never
less: an `introduced` that cannot be read has always been, a `fixed` that cannot never comes.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from packaging.utils import NormalizedName, canonicalize_version
from packaging.version import InvalidVersion, Version

from analyzer.advisories.record import Advisory, Affected, Event, EventKind, Range
from models.artifact import Sha256

VERSIONS_CACHED = 65_536
"""Version texts whose parsed form is remembered; events repeat from record to record."""

_ORDER = {
    EventKind.LIMIT: 0,
    EventKind.FIXED: 1,
    EventKind.INTRODUCED: 2,
    EventKind.LAST_AFFECTED: 3,
}
"""Among events at one version, where the schema names no order: what ends before what begins anew
there, and a last affected version after the beginning that it may share."""


class Matched(StrEnum):
    """By what an advisory speaks of a file; the strongest comes first."""

    SHA256 = "sha256"
    """These very bytes."""
    VERSION = "version"
    """Its exact version is listed."""
    RANGE = "range"
    """Its version lies in a range."""


def matched(
    advisory: Advisory, project: NormalizedName, version: str, sha256: Sha256
) -> Matched | None:
    """By what `advisory` speaks of the file; None where it does not.

    Bytes match under any name. `version` may be empty or no PEP 440 version: then only an equal
    text, or a range over everything, matches. Never raises.
    """
    if any(sha256 in affected.sha256s for affected in advisory.affected):
        return Matched.SHA256
    entries = [affected for affected in advisory.affected if affected.project == project]
    if any(_listed(affected, version) for affected in entries):
        return Matched.VERSION
    if any(in_range(one, version) for affected in entries for one in affected.ranges):
        return Matched.RANGE
    return None


def in_range(one: Range, version: str) -> bool:
    """`IncludedInRanges` of the schema for one range."""
    if one.whole:
        return True
    parsed = _parsed(version)
    if parsed is None or not _before_limits(one, parsed):
        return False
    affected = False
    for at, kind in _sorted_events(one):
        match kind:
            case EventKind.INTRODUCED if at is None or parsed >= at:
                affected = True
            case EventKind.FIXED if at is not None and parsed >= at:
                affected = False
            case EventKind.LAST_AFFECTED if at is not None and parsed > at:
                affected = False
            case _:
                pass
    return affected


def _listed(affected: Affected, version: str) -> bool:
    return bool(version) and canonicalize_version(version) in affected.versions


def _before_limits(one: Range, version: Version) -> bool:
    limits = [event.version for event in one.events if event.kind is EventKind.LIMIT]
    if not limits:
        return True
    return any((at := _parsed(text)) is None or version < at for text in limits)


def _sorted_events(one: Range) -> list[tuple[Version | None, EventKind]]:
    """By version; what has none that can be read stands first, as `introduced: "0"` does."""
    read = [(_at(event), event.kind) for event in one.events if event.kind is not EventKind.LIMIT]
    first = [event for event in read if event[0] is None]
    rest = [(at, kind) for at, kind in read if at is not None]
    return [*first, *sorted(rest, key=lambda event: (event[0], _ORDER[event[1]]))]


def _at(event: Event) -> Version | None:
    # An introduced "0" is before every version, also before 0.dev0, which PEP 440 puts before 0.
    always = event.kind is EventKind.INTRODUCED and event.version == "0"
    return None if always else _parsed(event.version)


@lru_cache(VERSIONS_CACHED)
def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
