"""The traced runs of one analysis: once, again where it was cut short, and the dependencies alone."""

from __future__ import annotations

import asyncio
import io
import os
import re
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import replace

import structlog

from analyzer import memfd
from analyzer.companions import gather_companions
from analyzer.completeness import RETRIED
from analyzer.inventory import ReaderReport
from analyzer.job import RUN_MS_MIN, Job, Opened
from analyzer.lineage import DEPENDENCIES
from analyzer.sandbox.protocol import SCRIPTS_MAX, InputFile, RunRequest
from analyzer.watching import Watched, dependency_modules, same_act, understand
from models.artifact import Sha256
from models.canonical import digest_of_bytes
from models.evidence import Finding, Shortfall
from models.phase import Phase

FIRST_RUN_PERCENT = {"wheel": 50, "sdist": 75}
"""Of what is left of the analysis' time. A wheel leaves room for a second run; builds are slow."""
RUNS_MAX = 3
"""Runs of the artifact in one analysis: two rounds of companions, or one repetition and one round."""
ALONE = (Phase.INSTALL, Phase.START, Phase.IMPORT, Phase.WAIT)
"""Phases in which dependencies are watched alone; in P4 nothing of theirs is called by itself."""
DEPENDENCY_MODULES_MAX = 40
"""Modules of dependencies that are imported to see what they do alone."""
_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")

log = structlog.get_logger()


async def watch(job: Job, opened: Opened) -> None:
    """Run, and again where a further run may see more than the last one did."""
    budget = job.left_ms() * FIRST_RUN_PERCENT[job.kind] // 100
    runs = [await _run(job, max(RUN_MS_MIN, budget))]
    while len(runs) < RUNS_MAX and await _worth_another(job, opened, runs):
        log.info("run_repeated", filename=job.ref.filename, shortfalls=runs[-1].shortfalls)
        runs.append(await _run(job, job.left_ms()))
    # The last one of the most complete.
    kept = min(reversed(runs), key=lambda run: len(run.shortfalls))
    # What any run saw, happened: a payload that acts once must not hide in another one.
    findings = list(kept.findings)
    for found in (found for run in runs for found in run.findings):
        if not any(same_act(found, other) for other in findings):
            findings.append(found)
    others = tuple(event for run in runs if run is not kept for event in run.events)
    watched = replace(kept, findings=tuple(findings), before=others)
    if watched.notable:
        watched = await _without_dependencies(job, watched)
    job.watched = watched


async def _worth_another(job: Job, opened: Opened, runs: Sequence[Watched]) -> bool:
    """Whether a further run may see more than the last one did."""
    last = runs[-1]
    if job.left_ms() < max(RUN_MS_MIN, last.result.wall_ms):
        return False
    if Shortfall.NOTHING_IMPORTABLE in last.shortfalls:
        return await gather_companions(job, opened, last.runner.missing)
    return len(runs) == 1 and bool(RETRIED.intersection(last.shortfalls))


async def _run(job: Job, budget_ms: int) -> Watched:
    assert job.report is not None  # noqa: S101 - only what was read is run
    request = RunRequest(
        run_id=secrets.token_hex(8),
        kind="run",
        artifact=job.ref.filename,
        archive=job.kind,
        phases=tuple(phase.value for phase in job.lease.plan.phases),
        budget_ms=budget_ms,
        modules=job.report.modules,
        python=job.interpreter.executable,
        scripts=console_scripts(job.report),
        in_tree=job.report.build is not None and job.report.build.in_tree,
        variations=tuple(variation.value for variation in job.lease.plan.variations),
    )
    return await _perform(job, request, job.inputs)


def console_scripts(found: ReaderReport) -> tuple[str, ...]:
    """The names of the programs that an artifact installs, as far as they are plain; at most SCRIPTS_MAX."""
    names = (entry.name for entry in found.entry_points if entry.group == "console_scripts")
    return tuple(dict.fromkeys(name for name in names if _SCRIPT.match(name)))[:SCRIPTS_MAX]


async def _perform(
    job: Job, request: RunRequest, inputs: Sequence[tuple[InputFile, int]]
) -> Watched:
    job.runs += 1
    outcome = await job.sandbox.run(request, inputs, on_progress=job.on_progress)
    return await asyncio.to_thread(
        understand,
        outcome.result,
        outcome.blobs,
        asked=request.phases,
        sdist=request.archive == "sdist",
    )


async def _without_dependencies(job: Job, watched: Watched) -> Watched:
    """Charge the dependencies with what they do without the artifact too.

    A further run holds an empty wheel in the artifact's place, and imports what the first run
    loaded of the dependencies. A dependency that acts only beside the artifact stays charged to
    the artifact: the trace cannot tell them apart, and the artifact chose it.
    """
    dependencies = [item for item in job.inputs if item[0].role in ("run", "tool")]
    modules = dependency_modules(watched.events, limit=DEPENDENCY_MODULES_MAX)
    if not dependencies or job.left_ms() < RUN_MS_MIN:
        return watched
    data, stub = _empty_wheel()
    descriptor = memfd.sealed(data, Sha256(stub.sha256), name="empty")
    try:
        request = RunRequest(
            run_id=secrets.token_hex(8),
            kind="run",
            artifact=stub.filename,
            archive="wheel",
            phases=_phases_alone(job, modules),
            budget_ms=job.left_ms(),
            modules=modules,
            python=job.interpreter.executable,
            variations=tuple(variation.value for variation in job.lease.plan.variations),
        )
        alone = await _perform(job, request, [(stub, descriptor), *dependencies])
    finally:
        os.close(descriptor)
    log.info("dependencies_ran_alone", filename=job.ref.filename, findings=len(alone.findings))
    return replace(
        watched,
        alone=alone.events,
        findings=tuple(
            _discharged(found) if any(same_act(found, other) for other in alone.findings) else found
            for found in watched.findings
        ),
    )


def _phases_alone(job: Job, modules: tuple[str, ...]) -> tuple[str, ...]:
    planned = [phase for phase in ALONE if phase in job.lease.plan.phases]
    return tuple(phase.value for phase in planned if modules or phase is not Phase.IMPORT)


def _discharged(found: Finding) -> Finding:
    """A dependency's act. What was proven stays charged, though no longer as a proof.

    A dependency can tell from its place whether it is what is analysed, so its own evidence may be
    clean; and whoever installs the artifact installs both.
    """
    return replace(found, owner=found.owner if found.proof else DEPENDENCIES, proof=None)


def _empty_wheel() -> tuple[bytes, InputFile]:
    """A wheel with nothing in it: the artifact's stand-in where only dependencies are watched."""
    info = "pratique_nothing-0.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: pratique-nothing\nVersion: 0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
        ):
            archive.writestr(zipfile.ZipInfo(f"{info}/{name}"), text)
    data = buffer.getvalue()
    return data, InputFile(
        filename="pratique_nothing-0-py3-none-any.whl",
        sha256=digest_of_bytes(data).removeprefix("sha256:"),
        size=len(data),
        role="artifact",
    )
