"""Network facts about an artifact: fetched by the proxy, dated, and handed to whoever judges."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from models.artifact import ArtifactRef
from models.canonical import Digest, added_in

FACTS_SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the index says about a file, its release and its project at `as_of`.

    A field named in `missing` could not be asked for; None in a field that is not named there
    was asked for and is absent.
    """

    schema_version: int = FACTS_SCHEMA_VERSION
    ref: ArtifactRef
    as_of: datetime
    size_bytes: int | None = None
    upload_time: datetime | None = None
    requires_python: str | None = None
    yanked: bool = False
    project_first_upload: datetime | None = None
    project_release_count: int | None = None
    project_file_count: int | None = None
    release_has_sdist: bool | None = None
    popularity_rank: int | None = None
    """1 is the most downloaded project of the bundled list; None: not on the list."""
    attested: bool | None = None
    """Whether the index announces a PEP 740 attestation for the file."""
    missing: tuple[str, ...] = ()
    approved_sibling: str = field(default="", metadata=added_in(2))
    """Of a wheel that nobody here can run: the digest of its Python files and, behind a space, the
    approved file of the same release that has the same; empty: there is none (`sibling_text`)."""

    @property
    def sibling_digest(self) -> str:
        """The code digest of the approved sibling; empty without one."""
        return self.approved_sibling.partition(" ")[0]

    @property
    def sibling_filename(self) -> str:
        """The approved sibling's filename; empty without one."""
        return self.approved_sibling.partition(" ")[2]

    @property
    def age_days(self) -> int | None:
        """Whole days between upload and `as_of`; None where the index gave no upload time."""
        return None if self.upload_time is None else (self.as_of - self.upload_time).days

    @property
    def project_age_days(self) -> int | None:
        """Whole days since the project's first upload, at `as_of`."""
        first = self.project_first_upload
        return None if first is None else (self.as_of - first).days


def sibling_text(code_digest: Digest, filename: str) -> str:
    """What stands in `Facts.approved_sibling`."""
    return f"{code_digest} {filename}"
