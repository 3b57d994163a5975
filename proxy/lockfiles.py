"""Lock files as installers write them, read for one thing: which bytes of which release they pin.

`pylock.toml` (PEP 751), `uv.lock`, `poetry.lock`, and requirement files with hashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from models.artifact import Sha256, parse_project, parse_sha256
from models.errors import LockInvalid, Problem, ValueInvalid
from models.tomltext import read_toml

LOCK_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of one lock file; that of a large monorepo has five million."""
RELEASES_MAX = 5_000
"""Releases in one lock file; large ones pin some hundreds."""
FILES_MAX = 2_000
"""Files of one release; grpcio, among those with most wheels, has a hundred."""
PROBLEMS_MAX = 50
"""Mistakes that are named."""

_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTION = re.compile(r"\s--(?:hash|config-settings?|global-option)[= ]")
_HASH = re.compile(r"--hash[= ]sha256:([0-9A-Fa-f]{64})(?=\s|\Z)")
_NEXT = "Lock again with a current installer, or leave the file out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One release, and the files of it that are pinned, sorted."""

    project: NormalizedName
    version: str
    """The PEP 440 normal form; empty where the lock states none."""
    sha256s: tuple[Sha256, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What one lock file pins."""

    source: str
    releases: tuple[Locked, ...]
    unpinned: tuple[str, ...]
    """Names that it mentions without any sha256: what they stand for cannot be told."""


def read_lock(source: str, data: bytes) -> Lock:
    """What a lock file pins; its form is told by what it holds. Raises LockInvalid."""
    if len(data) > LOCK_BYTES_MAX:
        raise _refused(source, f"is larger than {LOCK_BYTES_MAX} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _refused(source, f"is not UTF-8: {error}") from error
    pins = _Pins()
    if source.endswith((".toml", ".lock")):
        _read_toml(text, source, pins)
    else:
        for line in _logical_lines(text):
            _requirement(line, pins)
    return pins.lock(source)


class _Pins:
    """Gathers releases; what cannot be read is noted, and the rest goes on."""

    def __init__(self) -> None:
        self._found: dict[tuple[NormalizedName, str], set[Sha256]] = {}
        self._unpinned: dict[str, None] = {}
        self._problems: list[Problem] = []

    def note(self, where: str, message: str) -> None:
        self._problems.append(Problem(where=f"{where!r:.80}", message=message))

    def add(self, name: object, version: object, hashes: Iterable[object]) -> None:
        """A release with its files' hashes, `sha256:…` or plain hex; other algorithms pin nothing."""
        try:
            project = parse_project(str(name))
            stated = str(Version(str(version))) if version else ""
            digests = {parse_sha256(text) for text in _sha256s(hashes)}
        except (ValueInvalid, InvalidVersion) as error:
            self.note(str(name), f"cannot be read: {error}")
            return
        if digests:
            self._found.setdefault((project, stated), set()).update(digests)
        else:
            self._unpinned[str(project)] = None

    def lock(self, source: str) -> Lock:
        """All of it. Raises LockInvalid."""
        if len(self._found) > RELEASES_MAX:
            self.note(source, f"pins more than {RELEASES_MAX} releases")
        for (project, _), digests in self._found.items():
            if len(digests) > FILES_MAX:
                self.note(project, f"has more than {FILES_MAX} files")
        if not self._found and not self._unpinned and not self._problems:
            self.note(source, "pins nothing that could be read")
        if self._problems:
            raise LockInvalid(source, tuple(self._problems[:PROBLEMS_MAX]), next_step=_NEXT)
        return Lock(
            source=source,
            releases=tuple(
                Locked(project=project, version=version, sha256s=tuple(sorted(digests)))
                for (project, version), digests in sorted(self._found.items())
            ),
            unpinned=tuple(sorted(self._unpinned)),
        )


# -- TOML -------------------------------------------------------------------------------------
def _read_toml(text: str, source: str, pins: _Pins) -> None:
    try:
        document = read_toml(text)
    except ValueInvalid as error:
        raise _refused(source, f"is not TOML: {error}") from error
    if "lock-version" in document:
        _pylock(document, source, pins)
        return
    metadata = document.get("metadata")
    # Poetry before 1.3 kept all hashes in one table at the end.
    apart = metadata.get("files") if isinstance(metadata, dict) else None
    for package in _tables(document.get("package")):
        name = package.get("name")
        files = _tables(package.get("files"))
        files += _tables(apart.get(name)) if isinstance(apart, dict) else []
        files += _tables(package.get("wheels"))
        sdist = package.get("sdist")
        files += [sdist] if isinstance(sdist, dict) else []
        if files or not _is_local(package):
            pins.add(name, package.get("version"), (file.get("hash") for file in files))


def _pylock(document: Mapping[str, Any], source: str, pins: _Pins) -> None:
    try:
        lock = Pylock.from_dict(document)
    except (PylockValidationError, PylockUnsupportedVersionError) as error:
        raise _refused(source, f"is not a lock of PEP 751: {error}") from error
    for package in lock.packages:
        if package.directory is not None:
            continue
        files = [one for one in (package.sdist, package.archive, *(package.wheels or ())) if one]
        hashes = (file.hashes.get("sha256") for file in files)
        pins.add(package.name, package.version, [one for one in hashes if one])


def _is_local(package: Mapping[str, Any]) -> bool:
    """Whether it is a folder of the project itself, which comes from no index (uv)."""
    source = package.get("source")
    return isinstance(source, dict) and bool({"editable", "virtual", "directory"} & set(source))


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _sha256s(hashes: Iterable[object]) -> Iterator[str]:
    for one in hashes:
        if isinstance(one, str):
            algorithm, colon, rest = one.lower().rpartition(":")
            if not colon or algorithm == "sha256":
                yield rest


# -- requirement files ------------------------------------------------------------------------
def _logical_lines(text: str) -> Iterator[str]:
    """Lines with their continuations joined, and without comments, as pip reads them."""
    for line in _CONTINUED.sub(" ", text).splitlines():
        stripped = _COMMENT.sub("", line).strip()
        if stripped:
            yield stripped


def _requirement(line: str, pins: _Pins) -> None:
    if line.startswith("-"):
        if re.match(r"(?:-r|--requirement|-c|--constraint)\b", line):
            pins.note(line, "names another file; give that one too, and lock into one")
        return
    head = _OPTION.split(line, maxsplit=1)[0]
    try:
        requirement = Requirement(head)
    except InvalidRequirement as error:
        pins.note(head, f"is no requirement: {error}".splitlines()[0])
        return
    exact = [one.version for one in requirement.specifier if one.operator in ("==", "===")]
    version = exact[0] if len(exact) == 1 and not exact[0].endswith(".*") else ""
    pins.add(requirement.name, version, _HASH.findall(line))


def _refused(source: str, message: str) -> LockInvalid:
    return LockInvalid(source, (Problem(where=source, message=message),), next_step=_NEXT)
