"""Network facts about an artifact: fetched by the proxy, dated, and handed to whoever judges."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from models.artifact import ArtifactRef
from models.canonical import Digest, added_in
from models.evidence import Finding, Layer
from models.phase import Text

FACTS_SCHEMA_VERSION = 3
FACT_FINDINGS_MAX = 100
"""Findings of one bundle; sources give a handful each."""
FACT_SIGNALS_MAX = 200
"""Signals of one bundle; sources give some twenty each."""


class SourceState(StrEnum):
    """How asking a source went. Absent is not missing (DESIGN.md, Judgement)."""

    MEASURED = "measured"
    ABSENT = "absent"
    """Asked, and there is nothing: a measured value, and neutral."""
    MISSING = "missing"
    """Could not ask; the reason says why."""
    OFF = "off"
    """The operator asks for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source that was asked about a file."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    layer: Layer
    state: SourceState
    reason: Text = ""
    """Why it is absent, missing or off, in a few words of ours."""
    told_at: datetime | None = None
    """When the source said so: before `as_of` where the answer was kept since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSignal:
    """One measured fact about a project, a name or an owner, no opinion. None: asked and absent."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,79}$")]
    layer: Layer
    value: int | bool | Text | None
    source: Annotated[str, Meta(max_length=40)]
    live_only: bool = False
    """Only projects that still exist have it, so that training must not use it: every malicious
    project answers 404 today (FACTS.md section 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one source said; part of a bundle once the others have answered as well."""

    source: Source
    signals: tuple[FactSignal, ...] = ()
    findings: tuple[Finding, ...] = ()


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
    sources: tuple[Source, ...] = field(default=(), metadata=added_in(3))
    """Every source that was asked, by name."""
    signals: tuple[FactSignal, ...] = field(default=(), metadata=added_in(3))
    findings: tuple[Finding, ...] = field(default=(), metadata=added_in(3))
    """What sources found; charged to the artifact as those of evidence are."""

    def signal(self, name: str) -> int | bool | str | None:
        """The value of the first signal called `name`; None where there is none."""
        return next((signal.value for signal in self.signals if signal.name == name), None)

    def source(self, name: str) -> Source | None:
        """How asking the source called `name` went; None: nobody asked."""
        return next((source for source in self.sources if source.name == name), None)

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
