"""Which files of a project page may stand for which requirement, on a given interpreter. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    NormalizedName,
    canonicalize_name,
)
from packaging.version import InvalidVersion, Version

from analyzer.graph.repository import claimed_repository
from models.artifact import parse_project
from models.errors import ResolutionFailed, ValueInvalid
from models.work import Target
from proxy.simple.page import IndexFile, ProjectPage

SIBLINGS_MAX = 3
"""Other wheels of a release whose metadata is tried where the chosen file has none."""
REQUIREMENTS_OF_FILE_MAX = 500
"""Requires-Dist lines of one file that are read; the largest extras tables have about 300."""
URLS_OF_FILE_MAX = 50
"""Project-URL lines of one file that are read."""
LINE_CHARS_MAX = 200
"""Characters kept of a requirement line where it is shown."""

VERSIONS_CACHED = 32_768
"""Versions kept parsed; some 10 MB."""

LINES_CACHED = 8_192
"""Requirement lines kept parsed; some 20 MB, and those of 500 releases."""

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_BUILD = re.compile(r"[0-9]{1,9}")
SDIST_SUFFIXES = (".tar.gz", ".zip")
"""What an sdist is packed as (PEP 625, and what came before it)."""
_WHEEL = ".whl"
_EXACT = frozenset({"==", "==="})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A requirement without its marker, which was true."""

    name: NormalizedName
    extras: frozenset[str] = frozenset()
    specifier: SpecifierSet = field(default_factory=SpecifierSet, compare=False)
    versions: str = field(init=False, default="")
    """The specifier as text, by which needs are compared: a solver does so all the time."""
    line: str = field(default="", compare=False)
    """The line it was read from, printable and cut; empty: we asked for it ourselves."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "versions", str(self.specifier))

    @property
    def bare(self) -> Need:
        """The same without extras, which it comes to beside what the extras bring."""
        return Need(name=self.name, specifier=self.specifier, line=self.line)

    @property
    def pinned(self) -> bool:
        """Whether it names one version (PEP 592: then a yanked file may be used)."""
        return any(
            part.operator in _EXACT and not part.version.endswith(".*") for part in self.specifier
        )

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return printable(f"{self.name}{extras}{self.versions}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One release of a project by its best file for the target."""

    name: NormalizedName
    version: Version
    file: IndexFile
    extras: frozenset[str] = frozenset()
    described_by: tuple[IndexFile, ...] = ()
    """Wheels whose metadata says what the release requires, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What requirement lines come to on the target."""

    needs: tuple[Need, ...] = ()
    direct_urls: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What core metadata says of its release, as far as a resolution cares."""

    requires: tuple[str, ...] = ()
    repository: str = ""
    """`host/owner/name` as claimed; empty: none is."""


class Interpreter:
    """The target of a resolution: marker values, wheel tags and the Python version."""

    def __init__(self, target: Target) -> None:
        """Raises ResolutionFailed where the target names no Python version."""
        self._markers = dict(target.markers)
        self.identity = hash((tuple(sorted(target.markers.items())), target.tags))
        """Equal for equal targets within this process."""
        self._ranks = {tag: rank for rank, tag in reversed(list(enumerate(target.tags)))}
        self._fits: dict[str, int | None] = {}
        self._admitted: dict[str, bool] = {}
        stated = target.markers.get("python_full_version") or target.markers.get("python_version")
        try:
            self._python = Version(stated or "")
        except InvalidVersion as error:
            raise ResolutionFailed(
                "The worker's target names no Python version.",
                next_step="Update the worker; it must send `python_full_version`.",
            ) from error

    def rank(self, tags: str) -> int | None:
        """How well a wheel with this compressed tag set (PEP 425) fits; 0 is best, None: not."""
        if tags not in self._fits:
            pythons, abis, platforms = (part.split(".") for part in tags.split("-"))
            ranks = [
                self._ranks[tag]
                for tag in map("-".join, product(pythons, abis, platforms))
                if tag in self._ranks
            ]
            self._fits[tags] = min(ranks, default=None)
        return self._fits[tags]

    def admits(self, requires_python: str | None) -> bool:
        """Whether this Python is in the specifier; an unreadable one allows it, as in pip."""
        if requires_python is None:
            return True
        if requires_python not in self._admitted:
            try:
                specifier = SpecifierSet(requires_python)
                self._admitted[requires_python] = specifier.contains(self._python, prereleases=True)
            except InvalidSpecifier:
                self._admitted[requires_python] = True
        return self._admitted[requires_python]

    def applies(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Whether the marker is true, for any of the extras. Raises ValueError where it has none."""
        if requirement.marker is None:
            return True
        try:
            return any(
                requirement.marker.evaluate({**self._markers, "extra": extra})
                for extra in (extras or ("",))
            )
        except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion) as error:
            raise ValueError("the marker cannot be evaluated") from error


def candidates_of(page: ProjectPage, interpreter: Interpreter) -> tuple[Candidate, ...]:
    """Every release that can be used, best first.

    Those with a fitting wheel come first, newest first, then those with an sdist only: an sdist
    must be built, so that a wheel is worth more than a newer version.
    """
    releases: dict[Version, list[_Named]] = {}
    for file in page.files:
        if file.sha256 is not None and interpreter.admits(file.requires_python):
            named = _named(file, page.name)
            if named is not None:
                releases.setdefault(named.version, []).append(named)
    found = [
        candidate
        for version, files in releases.items()
        if (candidate := _best(page.name, version, files, interpreter)) is not None
    ]
    found.sort(key=lambda candidate: candidate.version, reverse=True)
    found.sort(key=lambda candidate: not candidate.file.filename.endswith(_WHEEL))
    return tuple(found)


def matching(candidates: Iterable[Candidate], needs: Iterable[Need]) -> Iterator[Candidate]:
    """Those that meet every need, in their order; yanked and pre-releases as PEP 592, 440 say."""
    wanted = list(needs)
    specifier = SpecifierSet()
    for need in wanted:
        specifier &= need.specifier
    pinned = any(need.pinned for need in wanted)
    usable = [c for c in candidates if pinned or not c.file.is_yanked]
    allowed = set(specifier.filter(c.version for c in usable))
    return (candidate for candidate in usable if candidate.version in allowed)


def read_requirements(
    lines: Iterable[str], interpreter: Interpreter, *, extras: Iterable[str] = ()
) -> Reading:
    """Untrusted requirement lines (PEP 508), sorted into what can be asked for and what cannot."""
    needs: list[Need] = []
    direct: list[str] = []
    unreadable: list[str] = []
    for line in lines:
        try:
            requirement = _parsed(line)
            if not interpreter.applies(requirement, extras):
                continue
        except (InvalidRequirement, ValueInvalid):
            unreadable.append(f"{printable(line)}: not a requirement by PEP 508")
        except ValueError as error:
            unreadable.append(f"{printable(line)}: {error}")
        else:
            if requirement.url is not None:
                direct.append(printable(f"{requirement.name} @ {requirement.url}"))
            else:
                needs.append(_need(requirement, line))
    return Reading(needs=tuple(needs), direct_urls=tuple(direct), unreadable=tuple(unreadable))


@lru_cache(maxsize=LINES_CACHED)
def _parsed(line: str) -> Requirement:
    """A requirement line. Raises InvalidRequirement, ValueInvalid. Nobody may change what it gives."""
    requirement = Requirement(line)
    parse_project(requirement.name)
    return requirement


def requires_dist(metadata: bytes) -> tuple[str, ...] | None:
    """The Requires-Dist lines of core metadata; None where the bytes are no such document."""
    described = read_metadata(metadata)
    return None if described is None else described.requires


def read_metadata(metadata: bytes) -> Described | None:
    """Core metadata as far as a resolution cares; None where the bytes are no such document.

    Only the header is parsed: what follows is the readme, most of the bytes and none of the facts.
    """
    try:
        raw, _ = parse_email(_END_OF_HEADER.split(metadata, maxsplit=1)[0])
    except (ValueError, LookupError, TypeError):
        return None
    if "metadata_version" not in raw:
        return None
    urls = [*raw.get("project_urls", {}).items(), ("home", raw.get("home_page", ""))]
    return Described(
        requires=tuple(raw.get("requires_dist", ())[:REQUIREMENTS_OF_FILE_MAX]),
        repository=claimed_repository(urls[:URLS_OF_FILE_MAX]),
    )


def printable(text: str) -> str:
    """A line out of an artifact, for evidence and pages: printable ASCII, cut."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:LINE_CHARS_MAX])


def _need(requirement: Requirement, line: str) -> Need:
    return Need(
        line=printable(line.strip()),
        name=canonicalize_name(requirement.name),
        extras=frozenset(canonicalize_name(extra) for extra in requirement.extras),
        specifier=requirement.specifier,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A file with what its name says; `tags` is empty for an sdist."""

    file: IndexFile
    version: Version
    build: int = 0
    tags: str = ""


def _named(file: IndexFile, project: NormalizedName) -> _Named | None:
    """What the filename says, or None where it says nothing of use or names another project.

    Wheel names are split by hand: a large page has 10,000, and packaging makes all their tags.
    """
    parts = file.filename.removesuffix(".whl").split("-")
    try:
        if not file.filename.endswith(_WHEEL):
            return _named_sdist(file, project)
        if len(parts) not in {5, 6} or canonicalize_name(parts[0]) != project:
            return None
        digits = _BUILD.match(parts[2]) if len(parts) == 6 else None
        return _Named(
            file=file,
            version=_version(parts[1]),
            build=int(digits[0]) if digits else 0,
            tags="-".join(parts[-3:]),
        )
    except InvalidVersion:
        return None


def _named_sdist(file: IndexFile, project: NormalizedName) -> _Named | None:
    """The same for an sdist, as `packaging.utils.parse_sdist_filename` reads it, versions kept."""
    stem, suffix = file.filename, ""
    for suffix in SDIST_SUFFIXES:
        if stem.endswith(suffix):
            break
    else:
        return None
    name, dash, version = stem.removesuffix(suffix).rpartition("-")
    if not dash or canonicalize_name(name) != project:
        return None
    return _Named(file=file, version=_version(version))


@lru_cache(maxsize=VERSIONS_CACHED)
def _version(text: str) -> Version:
    return Version(text)


def _best(
    name: NormalizedName, version: Version, files: list[_Named], interpreter: Interpreter
) -> Candidate | None:
    kept = [named for named in files if not named.file.is_yanked] or files
    wheels = [named for named in kept if named.tags]
    fitting = [
        (rank, -named.build, place)
        for place, named in enumerate(wheels)
        if (rank := interpreter.rank(named.tags)) is not None
    ]
    sdists = [named for named in kept if not named.tags]
    if fitting:
        best = wheels[min(fitting)[2]]
    elif sdists:
        best = sdists[0]
    else:
        return None
    others = [named.file for named in wheels if named is not best][:SIBLINGS_MAX]
    announced = bool(best.tags) or best.file.core_metadata is not False
    return Candidate(
        name=name,
        version=version,
        file=best.file,
        described_by=(best.file, *others) if announced else tuple(others),
    )
