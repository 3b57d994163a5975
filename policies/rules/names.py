"""Rules by project name and version: `projects = ["demo", "acme-*"]`, `versions = "<2"`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from policies.case import Case
from policies.reading import Table
from policies.rules.condition import Match

PROJECTS_MAX = 10_000
"""Names in one rule; a bound on the work for one decision."""

NAME_PATTERN = re.compile(r"[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?\Z")
"""A normalised project name with any number of `*` in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByName:
    """The project is one of `projects` (normalised; `*` stands for any run of characters)."""

    projects: tuple[str, ...]
    versions: str = ""
    """A specifier set; empty: every version."""

    def matches(self, case: Case) -> Match:
        """Whether name and version match; a version that cannot be read is unknown."""
        if not any(fnmatchcase(case.ref.project, pattern) for pattern in self.projects):
            return Match.NO
        if not self.versions:
            return Match.YES
        inside = contains(self.versions, case.ref.version)
        return Match.UNKNOWN if inside is None else Match.of(matches=inside)

    def ends_at(self, case: Case) -> datetime | None:  # noqa: ARG002 - names do not end
        """Never."""
        return None


def contains(specifier: str, version: str) -> bool | None:
    """Whether `version` lies in `specifier`, pre-releases included; None where either is unreadable.

    Pre-releases count, since an installer takes them where a requirement names them.
    """
    parsed = _specifiers(specifier)
    try:
        return None if parsed is None else parsed.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return None


def read(table: Table) -> ByName | None:
    """The condition that `table` states, if any."""
    projects = table.strings("projects", PROJECTS_MAX)
    versions = table.text("versions")
    if versions and _specifiers(versions) is None:
        table.note("versions", "is not a version specifier", 'write it like ">=2,<3"')
        versions = ""
    if table.has("versions") and not table.has("projects"):
        table.note("versions", "needs projects beside it")
    patterns = tuple(normalised(name) for name in projects)
    for name, pattern in zip(projects, patterns, strict=True):
        if not NAME_PATTERN.match(pattern):
            table.note("projects", f"holds {name!r:.60}, which is not a project name or pattern")
    return ByName(projects=patterns, versions=versions) if patterns else None


def normalised(name: str) -> str:
    """The PEP 503 normal form of a name or pattern."""
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=1024)
def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None
