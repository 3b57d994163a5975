"""A tree joined with what is known here of its releases: the value that a judgement rested on."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from analyzer.graph.tree import NODES_MAX, Name, Names, Release, Tree
from models.canonical import canonical_json
from models.errors import ValueInvalid
from models.evidence import Severity
from models.phase import Text

GRAPH_SCHEMA_VERSION = 1
GRAPH_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one joined tree as JSON; 400 releases and 4,000 links have some 1.5 MB."""
KNOWN_FINDINGS_MAX = 20
"""Findings kept of one dependency; their kinds and severities, not their places."""


class Standing(StrEnum):
    """What was decided about a release here, in the order of trust."""

    REFUSED = "refused"
    """Its file is denied."""
    HELD = "held"
    """It waits for a person, or for its age."""
    UNJUDGED = "unjudged"
    """Nobody asked for it yet, or its analysis has not ended."""
    MONITORED = "monitored"
    APPROVED = "approved"
    OVERRIDDEN = "overridden"
    """A person allowed it."""

    @property
    def trusted(self) -> bool:
        """Whether somebody looked and found nothing that weighs."""
        return self in {Standing.APPROVED, Standing.OVERRIDDEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFinding:
    """A finding about a dependency, without its place."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one release beside its place in the tree."""

    project: Name
    standing: Standing = Standing.UNJUDGED
    score: int | None = None
    """Its trust score, 0 to 100; None: it has none."""
    malicious: bool = False
    """An advisory names this version as malicious."""
    findings: Annotated[tuple[KnownFinding, ...], Meta(max_length=KNOWN_FINDINGS_MAX)] = ()
    """Its own, without those that its own graph gave."""
    owner_changed: bool = False
    """Its owners or its publisher are not those that were seen before."""
    owners: Names = ()
    publisher: Text = ""
    """Who signed it, as an attestation says; empty: unknown."""
    confusable_with: Name = ""
    """The popular project whose name its own could be taken for; empty: none."""
    rank: int | None = None
    """Of the most downloaded projects; None: not on the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A tree and what was known at `as_of`. Kept by digest, as gzip of canonical JSON."""

    schema_version: int = GRAPH_SCHEMA_VERSION
    tree: Tree
    as_of: datetime
    known: Annotated[tuple[Known, ...], Meta(max_length=NODES_MAX)] = ()
    """Of the releases of which anything is known, by project; `rank` is of the root as well."""
    since: Text = ""
    """The version that `added` compares with; empty: there was nothing to compare with."""
    added: Annotated[tuple[Name, ...], Meta(max_length=NODES_MAX)] = ()
    """Projects on which the release before did not depend, sorted."""
    passed_over: Annotated[tuple[Text, ...], Meta(max_length=NODES_MAX)] = ()
    """`name==version` that would have been chosen, were it not refused or held here."""

    def about(self, project: str) -> Known:
        """What is known of a project's release."""
        return next((one for one in self.known if one.project == project), Known(project=project))

    def project_days(self, release: Release) -> int | None:
        """Whole days since the project's first upload; None: unknown."""
        return days_since(release.project_since, self.as_of)

    def release_days(self, release: Release) -> int | None:
        """Whole days since the file's upload; None: unknown."""
        return days_since(release.uploaded_at, self.as_of)


def days_since(then: datetime | None, now: datetime) -> int | None:
    """Whole days, never negative: clocks differ."""
    return None if then is None else max((now - then).days, 0)


def pack(joined: Joined) -> bytes:
    """The bytes it is kept as: the same for the same value."""
    return gzip.compress(canonical_json(joined), compresslevel=6, mtime=0)


def unpack(data: bytes) -> Joined:
    """The other way. Raises ValueInvalid for anything else; bounded."""
    try:
        with gzip.open(io.BytesIO(data)) as opened:
            text = opened.read(GRAPH_BYTES_MAX + 1)
        if len(text) > GRAPH_BYTES_MAX:
            raise ValueInvalid("That graph is larger than its bound.")
        return msgspec.json.decode(text, type=Joined)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise ValueInvalid("Those bytes are no dependency graph.") from error
