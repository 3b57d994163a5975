"""What a package imports and does not declare: where all of it fails for want of that, it is put beside it.

`soupsieve` imports `bs4`, whose project requires `soupsieve` in turn; a plugin imports its host. Such
a package cannot be seen to act alone. Only projects that are known to own the module are taken, so
that a package cannot choose what is fetched; by declaring it, it could have had any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import structlog

from analyzer.confusion.modules import owners_of
from analyzer.fetching import fetch_all
from analyzer.job import Job, Opened
from analyzer.resolution import resolve_lines
from analyzer.sandbox.protocol import INPUT_BYTES_MAX, INPUT_FILES_MAX, InputFile
from models.artifact import ArtifactKind, kind_of
from models.evidence import ResolvedFile

COMPANIONS_MAX = 3
"""Projects that are put beside an artifact in one round; a plugin has one host."""
ROLE = "companion"
"""Of such a file in evidence; in a box it lies where requirements do."""

log = structlog.get_logger()


async def gather_companions(job: Job, opened: Opened, missing: Iterable[str]) -> bool:
    """Add the owners of `missing` modules to the job's inputs; False where that adds nothing."""
    projects = tuple(_owners(job, missing))[:COMPANIONS_MAX]
    if not projects:
        return False
    declared = job.report.requires_dist if job.report else ()
    resolved = await resolve_lines(job, "run", (*declared, *projects))
    files = [replace(file, role=ROLE) for file in resolved.files if _is_new(job, file)]
    if not {str(file.project) for file in files}.intersection(projects):
        return False
    if len(job.inputs) + len(files) > INPUT_FILES_MAX:
        return False
    sizes = await fetch_all(job, opened, (file.sha256 for file in files))
    known = sum(described.size for described, _ in job.inputs)
    if known + sum(sizes.values()) > INPUT_BYTES_MAX:
        return False
    for file in files:
        described = InputFile(
            filename=file.filename, sha256=file.sha256, size=sizes[file.sha256], role="run"
        )
        job.inputs.append((described, job.descriptors[file.sha256]))
    job.files += files
    log.info("companions_added", filename=job.ref.filename, companions=projects)
    return True


def _owners(job: Job, missing: Iterable[str]) -> Iterator[str]:
    """Projects that own the modules, but for the artifact's own and those that are there already."""
    there = {str(file.project) for file in job.files} | {str(job.ref.project)}
    for module in missing:
        owners = owners_of(module)
        if owners and owners[0] not in there:
            yield owners[0]


def _is_new(job: Job, file: ResolvedFile) -> bool:
    """A wheel of a project that is not there yet, in whatever version."""
    there = {file.project for file in job.files if file.role != "build"}
    return (
        kind_of(file.filename) is ArtifactKind.WHEEL
        and file.project not in there
        and file.project != job.ref.project
    )
