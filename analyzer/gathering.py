"""What an artifact needs beside it: resolved by the proxy, fetched into sealed memfds."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from analyzer import document
from analyzer.clean import printable
from analyzer.flaws import FLAWS
from analyzer.job import Job
from analyzer.sandbox.protocol import INPUT_BYTES_MAX, INPUT_FILES_MAX, InputFile
from models.artifact import ArtifactKind, Sha256, kind_of
from models.errors import ResolutionFailed
from models.evidence import Finding, Layer, Phase, Place, Severity, Shortfall
from models.work import ResolvedSet, ResolveRequest

FETCHES_AT_ONCE = 6
"""Files that are fetched side by side."""

log = structlog.get_logger()


async def gather_requirements(job: Job, opened: AsyncExitStack) -> bool:
    """Resolve and fetch what the artifact needs; False where a run has no sense without it."""
    found = job.report
    assert found is not None  # noqa: S101 - only what was read is run
    job.inputs = [job.artifact]
    build = found.build.requires if found.build else ()
    for role, lines in (("build", build), ("run", found.requires_dist)):
        if lines:
            await _resolve(job, role, lines)
    if len(job.files) + 1 > INPUT_FILES_MAX:
        return _too_much(job)
    descriptors = await _fetch_all(job, opened)
    sizes = {sha256: os.fstat(descriptor).st_size for sha256, descriptor in descriptors.items()}
    if job.lease.size_bytes + sum(sizes.values()) > INPUT_BYTES_MAX:
        return _too_much(job)
    for file in job.files:
        described = InputFile(
            filename=file.filename, sha256=file.sha256, size=sizes[file.sha256], role=file.role
        )
        job.inputs.append((described, descriptors[file.sha256]))
    return True


async def _fetch_all(job: Job, opened: AsyncExitStack) -> dict[Sha256, int]:
    """Each different file once, some at a time. Raises what the proxy raised first."""
    wanted = list(dict.fromkeys(file.sha256 for file in job.files))
    places = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def fetch(sha256: Sha256) -> int:
        async with places:
            descriptor = await job.proxy.fetch(sha256)
        opened.callback(os.close, descriptor)
        return descriptor

    fetched = await asyncio.gather(*map(fetch, wanted), return_exceptions=True)
    for result in fetched:
        if isinstance(result, BaseException):
            raise result
    return {
        sha256: result
        for sha256, result in zip(wanted, fetched, strict=True)
        if not isinstance(result, BaseException)
    }


async def _resolve(job: Job, role: str, lines: tuple[str, ...]) -> None:
    job.on_progress(role, "resolving")
    request = ResolveRequest(requirements=lines, role=role, target=job.interpreter.target)
    try:
        resolved = await job.proxy.resolve(request)
    except ResolutionFailed as error:
        log.info("resolution_failed", role=role, error=error.message)
        resolved = ResolvedSet(files=(), unresolved=("everything",))
    wheels = [file for file in resolved.files if kind_of(file.filename) is ArtifactKind.WHEEL]
    job.files += [replace(file, role=role) for file in wheels]
    # A requirement that only has an sdist would have to be built first: another artifact's run.
    unmet = len(resolved.unresolved) + len(resolved.files) - len(wheels)
    job.signals += [
        document.signal(f"{role}_requirements_resolved", len(wheels)),
        document.signal(f"{role}_requirements_unresolved", unmet),
        document.signal(f"{role}_requirements_by_url", len(resolved.direct_urls)),
    ]
    if unmet:
        job.shortfalls.append(Shortfall.REQUIREMENT_UNRESOLVED)
    for url in resolved.direct_urls:
        _note_direct_url(job, role, url)


def _note_direct_url(job: Job, role: str, url: str) -> None:
    """A requirement by direct URL, of the artifact or of one of its dependencies."""
    flaw = "direct-url-dependency" if role == "run" else "direct-url-build-requirement"
    place = Place(path=printable(url))
    if any(found.id == flaw and found.place == place for found in job.findings):
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
