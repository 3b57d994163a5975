"""Projects, releases, artifacts, and the reference by which a decision is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, NewType

from packageurl import PackageURL
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from models.errors import ValueInvalid

Sha256 = NewType("Sha256", str)
"""64 lower-case hex digits."""

IndexName = NewType("IndexName", str)
"""The operator's short name for an index, as it stands in `/files/<index>/…`."""

FILENAME_CHARS_MAX = 255
"""Characters of a filename; the limit of the file systems we store on (ext4, xfs: 255 bytes)."""

PROJECT_CHARS_MAX = 214
"""Characters of a project name. PEP 508 sets none; npm's limit, and longer than any name on PyPI."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_INDEX_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z")
PROJECT_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
"""A project's name as it may be spelled (packaging.python.org, Names and normalization)."""
READ_PARTS_MAX = 8_192
"""Names with versions, versions, and names with tags that are remembered as read: 2 to 4 MB each, 7 of
the longest."""
_BUILD = re.compile(r"[0-9]")
"""What a build number begins with (PEP 427)."""
_PROJECT = re.compile(rf"{PROJECT_PATTERN}\Z")
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!~-]*\Z")


def parse_sha256(text: str) -> Sha256:
    """`text` as a Sha256. Raises ValueInvalid unless it is 64 lower-case hex digits."""
    if not _SHA256.match(text):
        raise ValueInvalid("That is not a sha256 (64 lower-case hex digits).")
    return Sha256(text)


def parse_index_name(text: str) -> IndexName:
    """`text` as an IndexName: 1 to 32 of `a-z 0-9 -`, no `-` at either end."""
    if not _INDEX_NAME.match(text):
        raise ValueInvalid("An index name is 1 to 32 of a-z, 0-9 and '-', with no '-' at an end.")
    return IndexName(text)


def parse_project(text: str) -> NormalizedName:
    """The PEP 503 normalised name of `text`. Raises ValueInvalid for what PEP 508 does not allow."""
    if len(text) > PROJECT_CHARS_MAX or not _PROJECT.match(text):
        raise ValueInvalid(
            f"A project name is ASCII letters, digits, '.', '_' and '-', at most {PROJECT_CHARS_MAX}."
        )
    return canonicalize_name(text)


def parse_filename(text: str) -> str:
    """`text` if it is a safe archive filename (one path segment, no leading dot, ASCII)."""
    if len(text) > FILENAME_CHARS_MAX or not _FILENAME.match(text):
        raise ValueInvalid("That is not the name of a Python distribution file.")
    return text


class ArtifactKind(StrEnum):
    """What sort of archive a filename announces."""

    WHEEL = "wheel"
    SDIST = "sdist"
    OTHER = "other"
    """Eggs, installers and whatever else an index may list; pip and uv ignore them, so do boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A named thing on an index."""

    name: NormalizedName

    @property
    def purl(self) -> str:
        """The package URL, such as `pkg:pypi/demo`."""
        return PackageURL(type="pypi", name=self.name).to_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a project. `version` is the PEP 440 normal form."""

    project: NormalizedName
    version: str

    @property
    def purl(self) -> str:
        """The package URL, such as `pkg:pypi/demo@1.0`."""
        return PackageURL(type="pypi", name=self.project, version=self.version).to_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file by its bytes, whatever it is called."""

    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """One file as an index announces it; decisions are keyed by this, not by the bytes alone.

    Name, age and owner are not properties of bytes: an approved sha256 under another name is
    another reference and starts unseen in the layers that look at names.
    """

    index: IndexName
    project: NormalizedName
    filename: str
    sha256: Sha256

    @property
    def key(self) -> str:
        """A stable text key, `index/project/sha256/filename` (the order of the file URL)."""
        return key_of(self.index, self.project, self.sha256, self.filename)

    @property
    def kind(self) -> ArtifactKind:
        """What the filename announces."""
        return kind_of(self.filename)

    @property
    def version(self) -> str:
        """The normalised version in the filename; empty where it has none that we can read."""
        return version_of(self.filename) or ""

    @property
    def release(self) -> Release:
        """The release this file belongs to, by its filename."""
        return Release(project=self.project, version=self.version)

    @property
    def purl(self) -> str:
        """The package URL with the filename and digest as qualifiers."""
        return PackageURL(
            type="pypi",
            name=self.project,
            version=self.version or None,
            qualifiers={"file_name": self.filename, "checksum": f"sha256:{self.sha256}"},
        ).to_string()


def key_of(index: IndexName, project: NormalizedName, sha256: Sha256, filename: str) -> str:
    """The `key` of such a reference, without making it."""
    return f"{index}/{project}/{sha256}/{filename}"


class Stated(NamedTuple):
    """What a filename says of its file."""

    kind: ArtifactKind
    """A wheel or sdist only where the whole name parses."""
    project: NormalizedName | None
    version: str
    """The normalised version; empty where there is none that we can read."""


def parse_ref(index: str, project: str, sha256: str, filename: str) -> ArtifactRef:
    """A reference from untrusted text. Raises ValueInvalid; the project may be un-normalised.

    A filename that names another project than `project` is refused: it is how a file would be
    smuggled in under a name that nobody looked at.
    """
    name = parse_project(project)
    ref = ArtifactRef(
        index=parse_index_name(index),
        project=name,
        filename=filename,
        sha256=parse_sha256(sha256),
    )
    stated_in(name, filename)
    return ref


def stated_in(project: NormalizedName, filename: str) -> Stated:
    """What the name of a file says that a page of `project` lists.

    Raises ValueInvalid for what is no safe filename, and where it names another project.
    """
    stated = stated_by(parse_filename(filename))
    if stated.project is not None and stated.project != project:
        raise ValueInvalid(f"The file {filename} does not belong to the project {project}.")
    return stated


def kind_of(filename: str) -> ArtifactKind:
    """What the ending of `filename` announces; a wheel or sdist only where its name parses."""
    return stated_by(filename).kind


def version_of(filename: str) -> str | None:
    """The normalised version that `filename` states, or None where it states none."""
    return stated_by(filename).version or None


def project_of(filename: str) -> NormalizedName | None:
    """The normalised project that `filename` states, or None where it states none."""
    return stated_by(filename).project


def stated_by(filename: str) -> Stated:
    """All that `filename` states."""
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        version, _, tags = rest.partition("-")
        stated = _wheel(name, version) if _is_wheel_rest(name, tags) else None
    elif filename.endswith(".tar.gz"):
        name, _, version = filename[:-7].rpartition("-")
        stated = _sdist(name, version)
    elif filename.endswith(".zip"):
        name, _, version = filename[:-4].rpartition("-")
        stated = _sdist(name, version)
    else:
        stated = None
    return stated or _NOTHING_STATED


_NOTHING_STATED = Stated(ArtifactKind.OTHER, None, "")


# A page may list ten thousand files, of a few names, hundreds of versions and a few dozen tags: each of
# these is read by packaging once, and remembered. The rules are packaging's; a test compares.
@lru_cache(maxsize=READ_PARTS_MAX)
def _wheel(name: str, version: str) -> Stated | None:
    normal = _normal_version(version)
    return None if normal is None else Stated(ArtifactKind.WHEEL, canonicalize_name(name), normal)


@lru_cache(maxsize=READ_PARTS_MAX)
def _sdist(name: str, version: str) -> Stated | None:
    normal = _normal_version(version) if name else None
    return None if normal is None else Stated(ArtifactKind.SDIST, canonicalize_name(name), normal)


@lru_cache(maxsize=READ_PARTS_MAX)
def _normal_version(text: str) -> str | None:
    try:
        return str(Version(text))
    except InvalidVersion:
        return None


@lru_cache(maxsize=READ_PARTS_MAX)
def _is_wheel_rest(name: str, rest: str) -> bool:
    """Whether `rest`, what follows the version, is an optional build number and three tags."""
    parts = rest.removesuffix(".whl").split("-")
    if len(parts) == 4 and _BUILD.match(parts[0]):
        del parts[0]
    if len(parts) != 3:
        return False
    try:
        parse_wheel_filename(f"{name}-1-{'-'.join(parts)}.whl")
    except InvalidWheelFilename:
        return False
    return True
