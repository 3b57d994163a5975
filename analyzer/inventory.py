"""What the reader box reports: plain values, parsed and bounded again by whoever receives them.

Standard library only: the reader starts in every analysis, and its start counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.static.result import StaticReport
from analyzer.unpacking import Flaw

REPORT_SCHEMA_VERSION = 1
REPORT_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of the report as JSON: core metadata (base64), requirements and names, each bounded below."""
METADATA_BYTES_MAX = 1024 * 1024
"""Bytes of core metadata; long descriptions reach 300 KiB."""
REQUIREMENTS_MAX = 500
"""Requirement lines (`models.work.REQUIREMENTS_MAX`)."""
REQUIREMENT_CHARS_MAX = 1000
"""Characters of one (`models.work.ResolveRequest`)."""
MODULES_MAX = 200
"""Top-level modules; wheels of stub collections and generated APIs have a hundred."""
NAMES_MAX = 200
"""Start hooks, entry points and tags that are named; beyond that they are only counted."""
NAME_CHARS_MAX = 300
CODE_FILES_MAX = 1_500
"""Python files told by hash (`models.contents.CODE_FILES_MAX`)."""

STEERING = frozenset({"requires_dist", "build_requires", "modules", "report"})
"""Fields of the report that a run depends on: cut, they would leave something unseen. Other names
(native modules, tags) are only counted beyond their bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSystem:
    """How an sdist is built (PEP 517, PEP 518)."""

    backend: str
    requires: tuple[str, ...]
    in_tree: bool = False
    """The backend comes out of the archive itself (`backend-path`)."""
    stated: bool = True
    """False: no `[build-system]`, so PEP 517's legacy default holds."""
    assumed: tuple[str, ...] = ()
    """Those of `requires` that the artifact does not state: what its back end is known to ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """One line of entry_points.txt."""

    group: str
    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCheck:
    """RECORD against the archive, in counts."""

    present: bool = False
    listed: int = 0
    unlisted: int = 0
    missing: int = 0
    mismatched: int = 0
    unhashed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sizes and numbers of files."""

    members: int = 0
    unpacked_bytes: int = 0
    python_files: int = 0
    native_files: int = 0
    bytecode_files: int = 0
    links: int = 0
    foreign_modules: int = 0
    """Extension modules for other interpreters or platforms than the reader's."""
    flaws: int = 0
    """All flaws, also those beyond the bound on named ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderReport:
    """What one artifact is, by its bytes alone. Every text in it is the artifact's word."""

    schema_version: int = REPORT_SCHEMA_VERSION
    filename: str
    kind: str
    refused: bool
    flaws: tuple[Flaw, ...] = ()
    counts: Counts = Counts()
    name: str = ""
    version: str = ""
    requires_python: str = ""
    licence: str = ""
    """What the metadata states; empty where it states none."""
    requires_dist: tuple[str, ...] = ()
    build: BuildSystem | None = None
    modules: tuple[str, ...] = ()
    """Top-level importable names, sorted; empty for sdists, whose modules only the build knows."""
    start_hooks: tuple[str, ...] = ()
    """`.pth` files with code, `.start` files, `sitecustomize` and `usercustomize`."""
    entry_points: tuple[EntryPoint, ...] = ()
    native: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Tags of the WHEEL file."""
    record: RecordCheck | None = None
    """None for sdists."""
    metadata: str = ""
    """The core metadata file, base64; empty where there is none."""
    code_digest: str = ""
    """Of a wheel's Python files, start hooks, scripts and entry points (`analyzer.codedigest`); empty:
    it has none of them, or what it holds cannot be told whole."""
    code: tuple[str, ...] = ()
    """`hash path` of each Python file, start hooks too, that is not empty: the first 8 bytes, in hex,
    of the sha256 of its text whatever its line ends. Empty where there are more than CODE_FILES_MAX."""
    static: StaticReport | None = None
    """What reading the sources gave; None where they were not read, or the report was too long."""
    cut: tuple[str, ...] = ()
    """Fields that were cut at their bound."""
