"""What a simple index says about a project, as values: pages and the files on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from packaging.utils import NormalizedName

from models.artifact import ArtifactKind, IndexName, Sha256, kind_of, version_of

NOWHERE = IndexName("")
"""The index of a page that was read without saying from where."""

LAST_SERIAL_KEY = "_last-serial"
"""In `meta`: upstream's number of the project's last change, which a private key may hold (PEP 700)."""


class IndexFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file on a project page.

    `extra` holds the keys of the file entry that no specification named here (PEP 691, 700, 714)
    knows; they are passed on as they came. A page has up to a hundred thousand: a dataclass would take
    three times as long to make.
    """

    filename: str
    url: str
    """Absolute where it came from an upstream; relative to the page where we made it."""
    sha256: Sha256 | None = None
    hashes: dict[str, str] = msgspec.field(default_factory=dict)
    """Algorithm to lower-case hex; holds the sha256 as well, where there is one."""
    size: int | None = None
    """Bytes (PEP 700)."""
    upload_time: datetime | None = None
    """Aware, UTC (PEP 700); None where the index gave none, or none that can be read."""
    requires_python: str | None = None
    yanked: bool | str = False
    """A string is the reason (PEP 592); an empty one counts as yanked, too."""
    core_metadata: bool | str = False
    """Whether `<url>.metadata` is there (PEP 658, 714); a string is its announced sha256."""
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)
    departed_at: datetime | None = None
    """When its index was seen to list it no more; we may serve it all the same."""
    index: IndexName = NOWHERE
    """The upstream that lists it: only that one's credentials may go to `url`."""

    @property
    def place(self) -> str:
        """Upstream and URL in one text, for whoever fetches the file later; `split_place` reads it."""
        return f"{self.index} {self.url}".lstrip()

    @property
    def is_yanked(self) -> bool:
        """Whether the file is yanked, with a reason or without."""
        return self.yanked is not False

    @property
    def kind(self) -> ArtifactKind:
        """What the filename announces."""
        return kind_of(self.filename)

    @property
    def version(self) -> str:
        """The normalised version in the filename; empty where there is none that we can read."""
        return version_of(self.filename) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """A project page (PEP 691), in whichever format it came."""

    name: NormalizedName
    files: tuple[IndexFile, ...] = ()
    versions: tuple[str, ...] = ()
    """PEP 700; empty where the index lists none."""
    status: str = ""
    """PEP 792, upstream's word for upstream's statement; empty where there is none."""
    status_reason: str = ""
    api_version: str = "1.0"
    """What the page said of itself (PEP 629); always of major version 1."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Unknown keys at the top level."""
    extra_meta: Mapping[str, Any] = field(default_factory=dict)
    """Unknown keys beside `api-version` in `meta` (PEP 708's `tracks`, `_last-serial` …)."""
    skipped: int = 0
    """Malformed file entries that were left out when the page was read."""
    index: IndexName = NOWHERE
    """The upstream that it came from."""
    portable: bool = field(default=False, compare=False)
    """Whether the JSON it was read from may be kept in place of ours.

    No URL in it is relative, and each digest is spelled so that a search for it finds it.
    """

    def file(self, filename: str, sha256: Sha256) -> IndexFile | None:
        """The entry of that name with that digest; None where the page has none."""
        for entry in self.files:
            if entry.filename == filename and entry.sha256 == sha256:
                return entry
        return None


def split_place(place: str) -> tuple[IndexName, str]:
    """(index, URL) of a `IndexFile.place`; a URL alone is nowhere's."""
    index, _, url = place.rpartition(" ")
    return IndexName(index), url


def last_serial_of(page: ProjectPage) -> int | None:
    """Upstream's serial of the page; None where it tells none that is a number."""
    stated = page.extra_meta.get(LAST_SERIAL_KEY)
    if isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0:
        return stated
    return None
