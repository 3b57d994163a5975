"""Requirement lines to files, by the proxy; forgiving where we asked for more than the artifact does."""

from __future__ import annotations

import structlog
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from analyzer.job import Job
from models.errors import ResolutionFailed
from models.work import REQUIREMENTS_MAX, ResolvedSet, ResolveRequest

OUR_TOOL = "wheel"
"""What we ask for on behalf of setuptools (`metadata.DYNAMIC_REQUIRES`)."""
SETUPTOOLS_ALONE = Version("70.1")
"""From here on setuptools builds wheels by itself (its changelog, v70.1.0)."""

log = structlog.get_logger()


async def resolve_lines(
    job: Job, role: str, lines: tuple[str, ...], assumed: tuple[str, ...] = ()
) -> ResolvedSet:
    """What `lines` stand for; `assumed` are those of them that are ours and not the artifact's.

    An index need not offer `wheel` where setuptools does without it, so such a set is complete.
    """
    resolved = await _ask(job, role, lines)
    ours = {line for line in assumed if _name(line) == OUR_TOOL}
    stated = tuple(line for line in lines if line not in ours)
    if not (resolved.unresolved and ours and stated):
        return resolved
    without = await _ask(job, role, stated)
    if any(
        file.project == "setuptools" and _at_least(file.version, SETUPTOOLS_ALONE)
        for file in without.files
    ):
        return without
    return resolved


async def _ask(job: Job, role: str, lines: tuple[str, ...]) -> ResolvedSet:
    if len(lines) > REQUIREMENTS_MAX:
        return ResolvedSet(files=(), unresolved=("everything: too many lines",))
    request = ResolveRequest(requirements=lines, role=role, target=job.interpreter.target)
    try:
        return await job.proxy.resolve(request)
    except ResolutionFailed as error:
        log.info("resolution_failed", role=role, error=error.message)
        return ResolvedSet(files=(), unresolved=("everything",))


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return ""


def _at_least(version: str, least: Version) -> bool:
    try:
        return Version(version) >= least
    except InvalidVersion:
        return False
