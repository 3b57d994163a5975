"""What the index says about a file, gathered from its page into dated Facts."""

from __future__ import annotations

from datetime import datetime

from models.artifact import ArtifactKind, ArtifactRef
from models.facts import Facts
from models.popularity import rank_of
from proxy.simple.page import IndexFile, ProjectPage

PEP_700 = (1, 1)
"""API version from which sizes and upload times are spoken of at all."""
PEP_740 = (1, 3)
"""API version from which attestations are spoken of at all."""
REQUIRES_PYTHON_CHARS_MAX = 300
"""Characters kept of `requires-python`, as everywhere in evidence and facts (models.evidence.Text)."""


def gather(page: ProjectPage, ref: ArtifactRef, as_of: datetime) -> Facts:
    """The facts of one file. What the page cannot know is named in `missing`, never guessed.

    `page` is upstream's, before the guard marks it. A file that the page does not list has only
    the facts of its project.
    """
    file = page.file(ref.filename, ref.sha256)
    siblings = [other for other in page.files if other.version and other.version == ref.version]
    uploads = [other.upload_time for other in page.files if other.upload_time is not None]
    return Facts(
        ref=ref,
        as_of=as_of,
        size_bytes=file.size if file else None,
        upload_time=file.upload_time if file else None,
        requires_python=_cut(file.requires_python) if file else None,
        yanked=file.is_yanked if file else False,
        project_first_upload=min(uploads, default=None),
        project_release_count=len({other.version for other in page.files if other.version}),
        project_file_count=len(page.files),
        release_has_sdist=any(other.kind is ArtifactKind.SDIST for other in siblings),
        popularity_rank=rank_of(page.name),
        attested=announces_attestation(file, page),
        missing=_missing(file, page, has_uploads=bool(uploads)),
    )


def _missing(file: IndexFile | None, page: ProjectPage, *, has_uploads: bool) -> tuple[str, ...]:
    missing = []
    if file is None:
        missing += ["attested", "requires_python", "size_bytes", "upload_time", "yanked"]
    else:
        if file.size is None and not _speaks(page, PEP_700):
            missing.append("size_bytes")
        if file.upload_time is None and not _speaks(page, PEP_700):
            missing.append("upload_time")
        if announces_attestation(file, page) is None:
            missing.append("attested")
    if not has_uploads and not _speaks(page, PEP_700):
        missing.append("project_first_upload")
    return tuple(sorted(missing))


def announces_attestation(file: IndexFile | None, page: ProjectPage) -> bool | None:
    """Whether a provenance file is announced (PEP 740); None where the index never speaks of it."""
    if file is None:
        return None
    if file.extra.get("provenance"):
        return True
    spoken = _speaks(page, PEP_740) or any("provenance" in other.extra for other in page.files)
    return False if spoken else None


def _speaks(page: ProjectPage, version: tuple[int, int]) -> bool:
    major, _, minor = page.api_version.partition(".")
    return (int(major), int(minor)) >= version


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:REQUIRES_PYTHON_CHARS_MAX]
