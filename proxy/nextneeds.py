"""Which projects somebody who reads a file's metadata will probably ask for next. Pure."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from models.artifact import parse_project
from models.errors import ValueInvalid
from proxy.candidates import requires_dist

NAMES_MAX = 32
"""Names of one file; beyond some thirty a project is a bundle, of which few take all."""
MARKERS_KEPT = 4_096
"""Markers whose answer is remembered; projects share most of them."""

_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 16))
_PLATFORMS = (
    ("linux", "Linux", "posix", "x86_64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
)
_ENVIRONMENTS: tuple[dict[str, str], ...] = tuple(
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
        "sys_platform": platform,
        "platform_system": system,
        "os_name": os_name,
        "platform_machine": machine,
        "extra": "",
    }
    for python, (platform, system, os_name, machine) in product(_PYTHONS, _PLATFORMS)
)
"""Where installers of today run. We do not know which of them asks; nobody is known to want extras."""


def next_needs(metadata: bytes, *, of: NormalizedName) -> tuple[NormalizedName, ...]:
    """Names that the metadata of a file of project `of` requires anywhere, in order, each once.

    Direct URLs lead to no index; what cannot be read is left out. Takes milliseconds at the worst.
    """
    found: dict[NormalizedName, None] = {}
    for line in requires_dist(metadata) or ():
        name = _required(line)
        if name is not None and name != of:
            found[name] = None
        if len(found) >= NAMES_MAX:
            break
    return tuple(found)


def _required(line: str) -> NormalizedName | None:
    try:
        requirement = Requirement(line)
        parse_project(requirement.name)
        if requirement.url is not None or not _applies(str(requirement.marker or "")):
            return None
    except (InvalidRequirement, ValueInvalid, RecursionError):  # the last: of brackets in thousands
        return None
    return canonicalize_name(requirement.name)


@lru_cache(maxsize=MARKERS_KEPT)
def _applies(marker: str) -> bool:
    """Whether a marker holds in some environment; one that cannot be compared counts as not."""
    if not marker:
        return True
    read = Marker(marker)
    try:
        return any(read.evaluate(environment) for environment in _ENVIRONMENTS)
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return False
