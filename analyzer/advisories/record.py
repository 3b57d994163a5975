"""An advisory as we keep it: what an OSV record says about projects on PyPI, and nothing else of it.

Source: the OSV schema, version 1 (https://ossf.github.io/osv-schema/). Versions are kept in the form
that PEP 440 compares equal ones in, so that matching is a look into a set.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta
from packaging.utils import NormalizedName

from models.artifact import Sha256
from models.phase import Text

ADVISORY_SCHEMA_VERSION = 1
"""Raised when a record would be read differently, so that known ones are read again."""

MALICIOUS_PREFIX = "MAL-"
"""Ids of the OpenSSF database of malicious packages."""


class EventKind(StrEnum):
    """What happens at a version (OSV schema, `affected[].ranges[].events`)."""

    INTRODUCED = "introduced"
    FIXED = "fixed"
    LAST_AFFECTED = "last_affected"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a range; `version` as it was written."""

    kind: EventKind
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A range over PEP 440's order. Ranges of commits say nothing about files, and are left out."""

    events: tuple[Event, ...]

    @property
    def whole(self) -> bool:
        """Whether it covers every version there is, or will be."""
        return all(
            event.kind is EventKind.INTRODUCED and event.version == "0" for event in self.events
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One project that a record speaks of."""

    project: NormalizedName
    versions: frozenset[str] = frozenset()
    """As `canonicalize_version` writes them; what PEP 440 cannot read stays as it was written."""
    ranges: tuple[Range, ...] = ()
    sha256s: frozenset[Sha256] = frozenset()
    """Of whole files (`database_specific.indicators.package_integrity`). The digests of members
    (`evidence_files`) and of reports (`malicious-packages-origins`) are of other things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One OSV record, as far as it speaks of PyPI."""

    id: Annotated[str, Meta(max_length=100)]
    modified: datetime
    published: datetime | None = None
    withdrawn: datetime | None = None
    aliases: tuple[str, ...] = ()
    malicious: bool = False
    """Whether the record itself is of a database of malicious packages; aliases are weighed later."""
    severity: Annotated[str, Meta(max_length=100)] = ""
    """The CVSS vector of the newest version that it states; for people, it moves nothing."""
    summary: Text = ""
    details: Annotated[str, Meta(max_length=1000)] = ""
    affected: tuple[Affected, ...] = ()

    @property
    def word(self) -> str:
        """The id where it may stand in a reason (`Finding.what`), else nothing."""
        fits = len(self.id) <= 40 and all(
            c.isascii() and (c.isalnum() or c == "-") for c in self.id
        )
        return self.id if fits else ""

    def in_force(self, as_of: datetime) -> bool:
        """Whether it was not withdrawn at `as_of`."""
        return self.withdrawn is None or as_of < self.withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that is not kept. `id` is empty where it could not be read."""

    id: Annotated[str, Meta(max_length=100)] = ""
    why: Annotated[str, Meta(max_length=300)]
    foreign: bool = False
    """It is sound, and about other ecosystems alone: no fault of the feed."""
