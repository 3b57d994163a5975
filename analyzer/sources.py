"""Requirements that an index knows too little about: each is read in a box before it is used.

An sdist says itself what it requires and what it is built with, and a wheel without metadata on the
index what it requires. So the set is resolved again with what was read, until nothing new comes up
or a bound is met. What cannot be built is left out, and the requirement counts as not met.
"""

from __future__ import annotations

import secrets

import structlog

from analyzer import report
from analyzer.fetching import fetch_all
from analyzer.inventory import STEERING, BuildSystem, ReaderReport
from analyzer.job import RUN_MS_MIN, Job, Opened, Source
from analyzer.resolution import resolve_lines
from analyzer.sandbox.protocol import SOURCES_MAX, InputFile, RunRequest
from models.artifact import ArtifactKind, kind_of
from models.evidence import ResolvedFile
from models.work import ResolvedSet

ROUNDS_MAX = 3
"""Resolutions of one role: sdists that require sdists that require sdists."""
READ_MAX = 24
"""Files that are read; of these SOURCES_MAX may be sdists."""
READ_MS_MAX = 10_000
"""Milliseconds of the reader box for one file; most take 300."""
TIME_PERCENT = 30
"""Of the analysis' whole time: once that is used up, nothing further is read."""

log = structlog.get_logger()


async def resolve_with_sources(
    job: Job, opened: Opened, role: str, lines: tuple[str, ...], assumed: tuple[str, ...]
) -> ResolvedSet:
    """What `lines` stand for, with what the sdists among that require in turn."""
    asked = lines
    for _ in range(ROUNDS_MAX):
        resolved = await resolve_lines(job, role, asked, assumed)
        learnt = [
            line
            for file in resolved.files
            if _is_sdist(file) or _undescribed(file, resolved)
            for line in (await _source(job, opened, file)).requires
        ]
        more = tuple(dict.fromkeys((*asked, *learnt)))
        if more == asked:
            break
        asked = more
    return resolved


def settles(job: Job, file: ResolvedFile, note: str) -> bool:
    """Whether a note of the resolver is that the index does not know what we have read of `file`."""
    source = job.sources.get(file.sha256)
    return source is not None and (_is_sdist(file) or not source.why_not) and _about(file, note)


def _about(file: ResolvedFile, note: str) -> bool:
    return note.startswith(f"{file.project}=={file.version}: ")


def _undescribed(file: ResolvedFile, resolved: ResolvedSet) -> bool:
    """Whether the index has no metadata of a chosen file, nor of another release of its project."""
    return any(_about(file, note) for note in resolved.unresolved)


def _is_sdist(file: ResolvedFile) -> bool:
    return kind_of(file.filename) is ArtifactKind.SDIST


async def _source(job: Job, opened: Opened, file: ResolvedFile) -> Source:
    """What a file says of itself; read once in an analysis."""
    known = job.sources.get(file.sha256)
    if known is None:
        known = await _read(job, opened, file)
        job.sources[file.sha256] = known
        log.info("source_read", filename=file.filename, why_not=known.why_not)
    return known


async def _read(job: Job, opened: Opened, file: ResolvedFile) -> Source:
    sdist = _is_sdist(file)
    if len(job.sources) >= READ_MAX:
        return Source(sdist=sdist, why_not="too-many")
    if sdist and sum(source.sdist for source in job.sources.values()) >= SOURCES_MAX:
        return Source(sdist=sdist, why_not="too-many")
    total_ms = job.lease.analysis_s * 1000
    left_ms = job.left_ms() - total_ms * (100 - TIME_PERCENT) // 100
    if left_ms < RUN_MS_MIN:
        return Source(sdist=sdist, why_not="no-time")
    found = await _report(job, opened, file, min(left_ms, READ_MS_MAX))
    if found is None or found.refused or STEERING.intersection(found.cut):
        return Source(sdist=sdist, why_not="unreadable")
    if not job.interpreter.satisfies(found.requires_python):
        return Source(sdist=sdist, why_not="interpreter")
    if found.build is None:
        return Source(requires=found.requires_dist)
    return await _with_tools(job, found.requires_dist, found.build)


async def _with_tools(job: Job, requires: tuple[str, ...], build: BuildSystem) -> Source:
    """Tools are wheels: what would have to be built first ends here."""
    if not build.requires:
        return Source(sdist=True, requires=requires)
    resolved = await resolve_lines(job, "build", build.requires, build.assumed)
    wheels = all(kind_of(tool.filename) is ArtifactKind.WHEEL for tool in resolved.files)
    if resolved.unresolved or resolved.direct_urls or not wheels:
        return Source(sdist=True, requires=requires, why_not="tools")
    return Source(sdist=True, requires=requires, tools=resolved.files)


async def _report(
    job: Job, opened: Opened, file: ResolvedFile, budget_ms: int
) -> ReaderReport | None:
    sizes = await fetch_all(job, opened, [file.sha256])
    kind = kind_of(file.filename).value
    described = InputFile(
        filename=file.filename, sha256=file.sha256, size=sizes[file.sha256], role="artifact"
    )
    request = RunRequest(
        run_id=secrets.token_hex(8),
        kind="read",
        artifact=file.filename,
        archive=kind,
        budget_ms=budget_ms,
    )
    outcome = await job.sandbox.run(request, [(described, job.descriptors[file.sha256])])
    blob = outcome.blobs.get("report", b"")
    return report.parse_report(blob, filename=file.filename, kind=kind)
