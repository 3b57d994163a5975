"""What an artifact needs beside it: resolved by the proxy, fetched into sealed memfds."""

from __future__ import annotations

from dataclasses import replace

from analyzer import document
from analyzer.clean import printable
from analyzer.fetching import fetch_all
from analyzer.flaws import FLAWS
from analyzer.job import Job, Opened
from analyzer.sandbox.protocol import INPUT_BYTES_MAX, INPUT_FILES_MAX, InputFile
from analyzer.sources import resolve_with_sources, settles
from models.artifact import ArtifactKind, kind_of
from models.evidence import Finding, Layer, Place, ResolvedFile, Severity, Shortfall
from models.phase import Phase
from models.work import ResolvedSet


async def gather_requirements(job: Job, opened: Opened) -> bool:
    """Resolve and fetch what the artifact needs; False where a run has no sense without it."""
    found = job.report
    assert found is not None  # noqa: S101 - only what was read is run
    job.inputs = [job.artifact]
    if found.build and found.build.requires:
        await _gather(job, opened, "build", found.build.requires, found.build.assumed)
    if found.requires_dist:
        await _gather(job, opened, "run", found.requires_dist)
    tools = _tools(job)
    if len(job.files) + len(tools) + 1 > INPUT_FILES_MAX:
        return _too_much(job)
    sizes = await fetch_all(job, opened, (file.sha256 for file in (*job.files, *tools)))
    if job.lease.size_bytes + sum(sizes.values()) > INPUT_BYTES_MAX:
        return _too_much(job)
    for file in job.files:
        source = job.sources.get(file.sha256)
        needs = tuple(tool.filename for tool in source.tools) if source else ()
        job.inputs.append(_input(job, file, sizes[file.sha256], file.role, needs))
    job.inputs += [_input(job, tool, sizes[tool.sha256], "tool") for tool in tools]
    known = {(file.sha256, file.role) for file in job.files}
    job.files += [tool for tool in tools if (tool.sha256, tool.role) not in known]
    return True


def _tools(job: Job) -> list[ResolvedFile]:
    """The wheels that sdists among the requirements are built with, each once."""
    found: dict[str, ResolvedFile] = {}
    for file in job.files:
        source = job.sources.get(file.sha256)
        found |= (
            {tool.filename: replace(tool, role="build") for tool in source.tools} if source else {}
        )
    return list(found.values())


def _input(
    job: Job, file: ResolvedFile, size: int, role: str, needs: tuple[str, ...] = ()
) -> tuple[InputFile, int]:
    described = InputFile(
        filename=file.filename, sha256=file.sha256, size=size, role=role, needs=needs
    )
    return described, job.descriptors[file.sha256]


async def _gather(
    job: Job, opened: Opened, role: str, lines: tuple[str, ...], assumed: tuple[str, ...] = ()
) -> None:
    job.on_progress(role, "resolving")
    resolved = await resolve_with_sources(job, opened, role, lines, assumed)
    usable = [replace(file, role=role) for file in resolved.files if _usable(job, file)]
    sources = sum(kind_of(file.filename) is ArtifactKind.SDIST for file in usable)
    job.files += usable
    notes = _unmet(job, resolved)
    unmet = len(notes) + len(resolved.files) - len(usable)
    job.signals += [
        document.signal(f"{role}_requirements_resolved", len(usable)),
        document.signal(f"{role}_requirements_unresolved", unmet),
        document.signal(f"{role}_requirements_by_url", len(resolved.direct_urls)),
        document.signal(f"{role}_requirements_as_sdist", sources),
    ]
    if notes:
        job.signals.append(document.signal(f"{role}_requirement_not_met", printable(notes[0])))
    if unmet:
        job.shortfalls.append(Shortfall.REQUIREMENT_UNRESOLVED)
    for url in resolved.direct_urls:
        _note_direct_url(job, role, url)


def _usable(job: Job, file: ResolvedFile) -> bool:
    """Whether a file can be unpacked, or be built and unpacked."""
    if kind_of(file.filename) is ArtifactKind.WHEEL:
        return True
    source = job.sources.get(file.sha256)
    return source is not None and not source.why_not


def _unmet(job: Job, resolved: ResolvedSet) -> list[str]:
    """What was not met, and why, but for what we found out ourselves by reading."""
    return [
        note
        for note in resolved.unresolved
        if not any(settles(job, file, note) for file in resolved.files)
    ]


def _note_direct_url(job: Job, role: str, url: str) -> None:
    """A requirement by direct URL, of the artifact or of one of its dependencies."""
    flaw = "direct-url-dependency" if role == "run" else "direct-url-build-requirement"
    place = Place(path=printable(url))
    told = (*job.inspection.findings, *job.findings)
    if any(found.id == flaw and found.place == place for found in told):
        return
    kind = FLAWS[flaw]
    job.findings.append(
        Finding(
            id=flaw,
            title=kind.title,
            severity=Severity(kind.severity),
            layer=Layer.METADATA,
            phase=Phase.INVENTORY,
            technique=kind.technique,
            place=place,
        )
    )


def _too_much(job: Job) -> bool:
    """The tree is larger than a box may be given."""
    job.signals.append(document.signal("requirements_over_bound", value=True))
    job.shortfalls.append(Shortfall.REQUIREMENT_UNRESOLVED)
    return False
