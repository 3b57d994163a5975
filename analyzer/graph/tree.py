"""What a resolution came to, as values: releases, who requires whom by which line, what was left.

Everything here was read from an index and from metadata: hostile text, made printable and cut by
whoever builds these values (`proxy.tree`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from models.artifact import Sha256
from models.phase import Text

NODES_MAX = 400
"""Releases of one tree; a resolution looks at no more projects (`proxy.errands.PROJECTS_MAX`)."""
LINKS_MAX = 4_000
"""Requirements between them; a real tree has three to five for each release."""
NOTES_MAX = 200
"""Direct URLs, and requirements that were not met, of one tree."""
ROOT = ""
"""Stands for the one who asks, where that is no release of the index."""

Name = Annotated[str, Meta(max_length=214)]
"""A normalised project name, or ROOT."""
Names = Annotated[tuple[Name, ...], Meta(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of the tree by the file that was chosen; a tree has one of each project."""

    project: Name
    version: Text
    filename: Text = ""
    sha256: Sha256 | None = None
    uploaded_at: datetime | None = None
    """When the file was uploaded; None: the index does not say."""
    project_since: datetime | None = None
    """The project's first upload that the index still lists."""
    repository: Text = ""
    """The source repository as its metadata claims it; nobody checked. Empty: it claims none."""
    described: bool = True
    """Whether its own metadata was read; False: that of another release stood in, or none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One requirement: `source` asks for `target`."""

    source: Name
    target: Name
    line: Text
    """The requirement as it is written (PEP 508)."""
    marker: Text = ""
    """The part of the line behind `;`; it was true for the target of the resolution."""
    extras: Names = ()
    """The extras of the target that it asks for."""
    through: Names = ()
    """The extras of the source that brought it in; empty: it always counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUrl:
    """A requirement by direct URL, which is never followed."""

    source: Name
    line: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A requirement that was not met. `source` is ROOT as well where it cannot be told whose it is."""

    source: Name
    line: Text
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What `root` comes to; `releases` are sorted by project, `links` by source, target and line."""

    root: Name
    """The project at the root, which is among `releases`; or ROOT, for bare requirement lines."""
    releases: Annotated[tuple[Release, ...], Meta(max_length=NODES_MAX)] = ()
    links: Annotated[tuple[Link, ...], Meta(max_length=LINKS_MAX)] = ()
    direct_urls: Annotated[tuple[DirectUrl, ...], Meta(max_length=NOTES_MAX)] = ()
    unmet: Annotated[tuple[Unmet, ...], Meta(max_length=NOTES_MAX)] = ()
    cut: bool = False
    """A bound was reached, so that the tree has more than this."""
    stopped: Text = ""
    """Why the resolution did not come to its end; empty: it did."""

    def release(self, project: str) -> Release | None:
        """The release of a project; None where the tree has none."""
        return next((one for one in self.releases if one.project == project), None)
