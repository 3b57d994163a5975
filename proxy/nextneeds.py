"""Which projects somebody who reads a file's metadata will probably ask for next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
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
LINES_MAX = 128
"""Requirement lines that are read; what only extras need mostly stands last."""
LINE_CHARS_MAX = 500
"""Characters of a line that is read: a marker without end is worked through in each environment."""
MARKERS_KEPT = 4_096
"""Markers whose answer is remembered; projects share most of them."""

_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 16))
_PLATFORMS = (
    ("linux", "Linux", "posix", "x86_64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
)
"""Where installers of today run. We do not know which of them asks."""
_OF_PYTHON = ("python_", "implementation_version")
_OF_PLATFORM = ("sys_platform", "platform_", "os_name")
"""What a marker is about whose answer depends on it."""


def next_needs(metadata: bytes, *, of: NormalizedName) -> tuple[NormalizedName, ...]:
    """Names that the metadata of a file of project `of` requires anywhere, in order, each once.

    Direct URLs lead to no index; what cannot be read, or is far too long, is left out.
    """
    found: dict[NormalizedName, None] = {}
    for line in (requires_dist(metadata) or ())[:LINES_MAX]:
        name = _required(line) if len(line) <= LINE_CHARS_MAX else None
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
    except (InvalidRequirement, ValueInvalid):
        return None
    return canonicalize_name(requirement.name)


@lru_cache(maxsize=MARKERS_KEPT)
def _applies(marker: str) -> bool:
    """Whether a marker holds in some environment; one that cannot be compared counts as not."""
    if not marker:
        return True
    read = Marker(marker)
    try:
        return any(read.evaluate(environment) for environment in _environments(marker))
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return False


def _environments(marker: str) -> Iterator[dict[str, str]]:
    """Those that a marker tells apart; nobody is known to want extras, so most lines need one."""
    pythons = _PYTHONS if any(word in marker for word in _OF_PYTHON) else _PYTHONS[:1]
    platforms = _PLATFORMS if any(word in marker for word in _OF_PLATFORM) else _PLATFORMS[:1]
    for python, (platform, system, os_name, machine) in product(pythons, platforms):
        yield {
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
