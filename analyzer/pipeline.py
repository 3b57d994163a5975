"""One analysis from lease to evidence: read, resolve, run, understand. It never runs or unpacks itself.

What the artifact does wrong, or keeps us from seeing, becomes evidence. An exception out of here
means that we failed.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack

import structlog

from analyzer import document, report
from analyzer.changes import compare
from analyzer.gathering import gather_requirements
from analyzer.inspection import inspect, reading_shortfalls
from analyzer.interpreter import Interpreter, choose_interpreter, describe_interpreters
from analyzer.job import RUN_MS_MIN, Job, Progress, ProxyPort, Sandbox
from analyzer.profile import Subject, profile_of
from analyzer.running import watch
from analyzer.sandbox.protocol import RunRequest
from analyzer.tracefile import encode_trace
from analyzer.watching import Watched
from models.artifact import ArtifactKind, kind_of
from models.behaviour import BehaviourProfile
from models.canonical import digest_of_bytes
from models.clock import Clock
from models.evidence import (
    Coverage,
    EventAccount,
    Evidence,
    Layer,
    Shortfall,
)
from models.phase import Phase
from models.work import EvidencePost, Lease

__all__ = ["Progress", "ProxyPort", "Sandbox", "analyse"]

READ_MS_MAX = 40_000
"""Milliseconds of the reader box; 1 GiB is unpacked and hashed in 10 s here."""
READER_TRIES = 2

log = structlog.get_logger()


async def analyse(
    *,
    lease: Lease,
    artifact_fd: int,
    sandbox: Sandbox,
    proxy: ProxyPort,
    clock: Clock,
    worker_name: str,
    on_progress: Progress | None = None,
    interpreters: tuple[Interpreter, ...] | None = None,
) -> EvidencePost:
    """Analyse one artifact (a sealed memfd, still the caller's). Cancelling it kills its boxes.

    Raises SandboxUnavailable, SandboxFailed, and whatever `proxy` raises beside ResolutionFailed.
    """
    hello = await sandbox.hello()
    known = interpreters or await describe_interpreters(hello.pythons)
    job = Job(
        lease=lease,
        artifact_fd=artifact_fd,
        sandbox=sandbox,
        proxy=proxy,
        clock=clock,
        interpreters=known,
        interpreter=known[0],
        on_progress=on_progress or (lambda _phase, _state: None),
        started=clock(),
        hello=hello,
        kind=kind_of(lease.ref.filename).value,
    )
    if job.kind == ArtifactKind.OTHER.value:
        job.shortfalls.append(Shortfall.ARCHIVE_REFUSED)
    else:
        await _read(job)
        runnable = _runnable(job)
        if job.report is not None:
            version = job.interpreter.feature_version
            job.inspection = inspect(
                job.report,
                job.ref,
                python=version,
                baseline=lease.contents,
                sibling=lease.sibling,
            )
        if runnable:
            async with AsyncExitStack() as opened:
                if await gather_requirements(job, opened):
                    await watch(job, opened)
    return await asyncio.to_thread(_post, job, worker_name)


async def _read(job: Job) -> None:
    """Have the reader box read the artifact; a reader that fell is tried once more."""
    job.on_progress(Phase.INVENTORY.value, "started")
    ended = "exit"
    for _ in range(READER_TRIES):
        request = RunRequest(
            run_id=secrets.token_hex(8),
            kind="read",
            artifact=job.ref.filename,
            archive=job.kind,
            budget_ms=max(RUN_MS_MIN, min(READ_MS_MAX, job.left_ms())),
        )
        outcome = await job.sandbox.run(request, [job.artifact])
        job.report = report.parse_report(
            outcome.blobs.get("report", b""), filename=job.ref.filename, kind=job.kind
        )
        if job.report is not None:
            break
        log.info("reader_fell", filename=job.ref.filename, sha256=job.ref.sha256)
        fell = [phase.ended for phase in outcome.result.phases]
        ended = "timeout" if "timeout" in fell else "crashed"
    job.on_progress(Phase.INVENTORY.value, "ended")
    job.shortfalls += reading_shortfalls(job.report, ended)


def _runnable(job: Job) -> bool:
    """Whether a box can run it; why not is noted."""
    if job.report is None or job.report.refused:
        return False
    chosen = choose_interpreter(
        job.interpreters,
        requires_python=job.report.requires_python,
        wheel=job.ref.filename if job.kind == "wheel" else "",
    )
    if isinstance(chosen, Shortfall):
        job.shortfalls.append(chosen)
        return False
    job.interpreter = chosen
    # The reader knows the suffixes of extension modules of the usual interpreter only.
    usual = chosen == job.interpreters[0]
    foreign = not job.report.modules and job.report.counts.foreign_modules
    if job.kind == "wheel" and usual and foreign:
        # Its tags admit us and its modules do not; start hooks would run here all the same.
        job.shortfalls.append(Shortfall.WRONG_PLATFORM)
    return job.hello.traced


def _post(job: Job, worker_name: str) -> EvidencePost:
    """Everything gathered, as what is posted: bounded, with its blobs by digest."""
    watched = job.watched
    trace, left_out = encode_trace(watched.events) if watched else (b"", 0)
    core = report.core_metadata(job.report) if job.report else b""
    read = job.inspection
    signals = [*read.signals, *job.signals, *(watched.signals if watched else ())]
    if watched:
        signals += [
            document.signal("runs", job.runs),
            document.signal("trace_events_left_out", left_out),
        ]
    signals.append(document.signal("traced", job.hello.traced))
    profile = _profile(job)
    compared = compare(job.lease.baseline, profile)
    shortfalls = [*job.shortfalls, *(watched.shortfalls if watched else ())]
    evidence = Evidence(
        sha256=job.ref.sha256,
        filename=job.ref.filename,
        size_bytes=job.lease.size_bytes,
        analyzer=document.analyzer_of(job.interpreter, worker_name),
        observed_at=job.clock(),
        duration_ms=max(0, int((job.clock() - job.started).total_seconds() * 1000)),
        layers=_layers(watched),
        phases=watched.phases if watched else (),
        signals=(*signals, *compared.signals),
        findings=(
            *read.findings,
            *job.findings,
            *(watched.findings if watched else ()),
            *compared.findings,
        ),
        shortfalls=tuple(dict.fromkeys(shortfalls)),
        dependencies=tuple(job.files),
        coverage=_coverage(job),
        account=watched.account if watched else EventAccount(),
        trace_digest=digest_of_bytes(trace) if trace else None,
        metadata_digest=digest_of_bytes(core) if core else None,
        profile=profile,
        changes=compared.changes,
        code_digest=report.code_digest(job.report) if job.report else None,
        contents=read.contents,
        contents_changes=read.changes,
    )
    return EvidencePost(
        lease_id=job.lease.lease_id,
        sha256=job.ref.sha256,
        evidence=document.within_bound(evidence),
        trace=trace,
        metadata=core,
    )


def _profile(job: Job) -> BehaviourProfile | None:
    """What it was seen to do; None where nothing of it ran."""
    watched, found = job.watched, job.report
    if watched is None or not watched.phases or found is None:
        return None
    hooks = found.start_hooks if job.kind == ArtifactKind.WHEEL.value else None
    subject = Subject(project=job.ref.project, version=job.ref.version, start_hooks=hooks)
    return profile_of(
        watched.events,
        watched.before,
        subject=subject,
        planted=watched.planted,
        alone=watched.alone,
    )


def _layers(watched: Watched | None) -> tuple[Layer, ...]:
    """What was measured: a run whose requirements could not be unpacked ran no phase at all."""
    if watched is None or not watched.phases:
        return (Layer.METADATA,)
    return (Layer.METADATA, Layer.BEHAVIOUR)


def _coverage(job: Job) -> Coverage:
    found, watched = job.report, job.watched
    if found is None:
        return Coverage()
    runner = watched.runner if watched else None
    named = frozenset(found.modules)
    imported = runner.imported if runner else frozenset()
    failed = runner.failed if runner else frozenset()
    return Coverage(
        modules_found=len(named) or (runner.modules_found if runner else 0),
        modules_imported=len(imported & named if named else imported),
        modules_failed=len(failed & named if named else failed),
        start_hooks=len(found.start_hooks),
        entry_points=len(found.entry_points),
    )
