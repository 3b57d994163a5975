"""The reader's report as the worker receives it: parsed strictly, bounded again, never trusted.

The reader read hostile bytes; whoever took it over writes this report. So ids must come out of the
closed table, everything else is text to be cut, and names that steer a run are checked for form.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import msgspec

from analyzer.clean import printable
from analyzer.flaws import FLAWS
from analyzer.inventory import (
    CODE_FILES_MAX,
    METADATA_BYTES_MAX,
    MODULES_MAX,
    NAMES_MAX,
    REPORT_BYTES_MAX,
    REPORT_SCHEMA_VERSION,
    REQUIREMENT_CHARS_MAX,
    REQUIREMENTS_MAX,
    ReaderReport,
)
from analyzer.static.telling import parse_static, static_findings, static_signals
from analyzer.unpacking import FLAWS_MAX, Flaw
from models.canonical import Digest
from models.evidence import Finding, Layer, Place, Severity, Signal
from models.phase import Phase

START_FILES_SINCE = (3, 15)
"""The Python from which on `.start` files are run (PEP 829); an older one passes them over."""
NOT_RUN_HERE = "not-run-here"
"""`Finding.what` of a start hook that the interpreter is too old for: nobody saw what it does."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_CODE = re.compile(r"[0-9a-f]{16} .{1,300}\Z")
_MODULE = re.compile(r"[^\W\d]\w{0,99}\Z")


def parse_report(blob: bytes, *, filename: str, kind: str) -> ReaderReport | None:
    """The report, bounded; None where it is missing, too long, or not of its form."""
    if not 0 < len(blob) <= REPORT_BYTES_MAX:
        return None
    try:
        report = msgspec.json.decode(blob, type=ReaderReport)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if report.schema_version != REPORT_SCHEMA_VERSION:
        return None
    if (report.filename, report.kind) != (filename, kind):
        return None
    if any(flaw.id not in FLAWS for flaw in report.flaws) or _negative(report):
        return None
    static = parse_static(report.static) if report.static else None
    if report.static and not static:
        return None
    names = tuple(name for name in report.modules[:MODULES_MAX] if _MODULE.match(name))
    lost = ("modules",) if len(names) < len(report.modules) else ()
    refused = report.refused or any(FLAWS[flaw.id].refuses for flaw in report.flaws)
    return replace(
        report,
        refused=refused,
        flaws=tuple(
            Flaw(id=flaw.id, path=printable(flaw.path), detail=printable(flaw.detail))
            for flaw in report.flaws[:FLAWS_MAX]
        ),
        name=printable(report.name),
        version=printable(report.version),
        requires_python=printable(report.requires_python),
        licence=printable(report.licence),
        requires_dist=_requirements(report.requires_dist),
        build=replace(
            report.build,
            backend=printable(report.build.backend),
            requires=_requirements(report.build.requires),
            assumed=_requirements(report.build.assumed),
        )
        if report.build
        else None,
        modules=names,
        start_hooks=tuple(map(printable, report.start_hooks[:NAMES_MAX])),
        entry_points=report.entry_points[:NAMES_MAX],
        native=tuple(map(printable, report.native[:NAMES_MAX])),
        tags=tuple(map(printable, report.tags[:NAMES_MAX])),
        static=static,
        code=_code(report.code),
        code_digest=report.code_digest if _DIGEST.match(report.code_digest) else "",
        cut=tuple(dict.fromkeys((*lost, *(printable(c, 40) for c in report.cut[:NAMES_MAX])))),
    )


def core_metadata(report: ReaderReport) -> bytes:
    """The core metadata file out of a wheel; empty where there is none to keep."""
    if report.kind != "wheel" or report.refused:
        return b""
    try:
        data = base64.b64decode(report.metadata, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if len(data) <= METADATA_BYTES_MAX else b""


def code_digest(report: ReaderReport) -> Digest | None:
    """The digest of a wheel's code, by which wheels of one release are equal on all platforms."""
    usable = report.kind == "wheel" and not report.refused and report.code_digest
    return Digest(report.code_digest) if usable else None


def report_findings(
    report: ReaderReport, *, python: tuple[int, int] | None = None
) -> tuple[Finding, ...]:
    """One finding for each flaw and each match of static reading, in words out of the tables.

    `python`: the version of the interpreter that runs it; a hook that it is too old for ran nowhere.
    """
    unrun = frozenset(start_files(report) if python and python < START_FILES_SINCE else ())
    flaws = tuple(
        Finding(
            id=flaw.id,
            title=FLAWS[flaw.id].title,
            severity=Severity.LOW if flaw.path in unrun else Severity(FLAWS[flaw.id].severity),
            layer=Layer.METADATA,
            phase=Phase.INVENTORY,
            technique=FLAWS[flaw.id].technique,
            what=NOT_RUN_HERE if flaw.path in unrun else "",
            place=Place(path=printable(flaw.path or flaw.detail)),
        )
        for flaw in report.flaws
    )
    return flaws + static_findings(report.static)


def start_files(report: ReaderReport) -> tuple[str, ...]:
    """Start hooks that only Python 3.15 and later run (PEP 829)."""
    return tuple(hook for hook in report.start_hooks if hook.endswith(".start"))


def report_signals(report: ReaderReport) -> tuple[Signal, ...]:
    """The facts of the metadata layer, under `metadata.…`."""
    facts = tuple(
        Signal(name=f"metadata.{name}", layer=Layer.METADATA, value=value, phase=Phase.INVENTORY)
        for name, value in _facts(report)
    )
    return facts + static_signals(report.static)


def _facts(report: ReaderReport) -> Iterator[tuple[str, int | bool | str | None]]:
    counts = report.counts
    yield "refused", report.refused
    yield "flaws", counts.flaws
    yield "members", counts.members
    yield "unpacked_bytes", counts.unpacked_bytes
    yield "python_files", counts.python_files
    yield "native_files", counts.native_files
    yield "bytecode_files", counts.bytecode_files
    yield "links", counts.links
    yield "foreign_modules", counts.foreign_modules
    yield "requirements", len(report.requires_dist)
    yield "requires_python", report.requires_python or None
    yield "licence", report.licence or None
    yield "modules", len(report.modules) if report.kind == "wheel" else None
    yield "start_hooks", len(report.start_hooks)
    yield "start_files", len(start_files(report))
    yield "entry_points", len(report.entry_points)
    build = report.build
    yield "build_backend", build.backend if build else None
    yield "build_requirements", len(build.requires) if build else None
    yield "build_backend_in_tree", build.in_tree if build else None
    yield "build_system_stated", build.stated if build else None
    record = report.record
    yield "record_present", record.present if record else None
    for name in ("listed", "unlisted", "missing", "mismatched", "unhashed"):
        yield f"record_{name}", cast("int", getattr(record, name)) if record else None
    yield "report_cut", len(report.cut)


def _code(lines: tuple[str, ...]) -> tuple[str, ...]:
    """All of them or none: a file that is left out would be one that the sibling does not have."""
    whole = len(lines) <= CODE_FILES_MAX and all(map(_CODE.match, lines))
    return tuple(f"{line[:16]} {printable(line[17:])}" for line in lines) if whole else ()


def _requirements(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Lines as they are, or not at all: half a requirement would be another requirement."""
    fits: Callable[[str], bool] = lambda line: (  # noqa: E731 - one use, one line
        0 < len(line) <= REQUIREMENT_CHARS_MAX and line.isprintable()
    )
    return tuple(filter(fits, lines))[:REQUIREMENTS_MAX]


def _negative(report: ReaderReport) -> bool:
    record = report.record
    numbers = [getattr(report.counts, name) for name in report.counts.__slots__]
    numbers += [getattr(record, name) for name in record.__slots__] if record else []
    return any(number < 0 or number > 2**53 for number in numbers)
