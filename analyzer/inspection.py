"""What the reader's report means: signals, findings and contents, compared with older and sister files."""

from __future__ import annotations

import platform
import sys
import sysconfig
from dataclasses import dataclass
from datetime import datetime

from analyzer import document, report
from analyzer.clean import printable
from analyzer.confusion.modules import taken_modules
from analyzer.contents import contents_of
from analyzer.inventory import STEERING, ReaderReport
from analyzer.releases import compare_contents
from analyzer.siblings import compare_sibling
from models.artifact import ArtifactRef
from models.canonical import digest_of_bytes
from models.contents import Contents, ContentsBaseline, ContentsChanges
from models.evidence import Analyzer, Coverage, Evidence, Finding, Layer, Shortfall, Signal

NOT_READ = "not-read"
"""How reading ended of a file whose name is that of no wheel or sdist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One report, understood."""

    signals: tuple[Signal, ...] = ()
    findings: tuple[Finding, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    contents: Contents | None = None
    changes: ContentsChanges | None = None


def inspect(
    found: ReaderReport,
    ref: ArtifactRef,
    *,
    python: tuple[int, int] | None = None,
    baseline: ContentsBaseline | None = None,
    sibling: ContentsBaseline | None = None,
) -> Inspection:
    """Everything that the report says. `python`: the interpreter that runs the artifact, if any does."""
    contents = contents_of(found)
    files = compare_contents(baseline, contents)
    beside, differing = compare_sibling(found, contents, sibling)
    return Inspection(
        signals=(*report.report_signals(found), *files.signals, *beside),
        findings=(
            *report.report_findings(found, python=python),
            *taken_modules(ref.project, found.modules),
            *files.findings,
            *differing,
        ),
        shortfalls=reading_shortfalls(found),
        contents=contents,
        changes=files.changes,
    )


def reading_shortfalls(found: ReaderReport | None, ended: str = "exit") -> tuple[Shortfall, ...]:
    """How reading fell short. `ended` says how, where there is no report; NOT_READ: nobody tried."""
    if found is None and ended == NOT_READ:
        return (Shortfall.ARCHIVE_REFUSED,)
    if found is None:
        fell = Shortfall.TIMED_OUT if ended == "timeout" else Shortfall.CRASHED
        return (fell, Shortfall.ARCHIVE_REFUSED)
    cut = (Shortfall.REPORT_TRUNCATED,) if STEERING.intersection(found.cut) else ()
    return (*cut, Shortfall.ARCHIVE_REFUSED) if found.refused else cut


def evidence_of_reading(
    found: ReaderReport | None,
    ref: ArtifactRef,
    *,
    ended: str,
    size_bytes: int,
    duration_ms: int,
    observed_at: datetime,
    worker: str,
    baseline: ContentsBaseline | None = None,
) -> Evidence:
    """Evidence of an artifact that was read and not run: its only layer is metadata.

    `found` None: there is no report, and `ended` says how its reader ended.
    """
    said = inspect(found, ref, baseline=baseline) if found else Inspection()
    core = report.core_metadata(found) if found else b""
    return document.within_bound(
        Evidence(
            sha256=ref.sha256,
            filename=ref.filename,
            size_bytes=size_bytes,
            analyzer=_here(worker),
            observed_at=observed_at,
            duration_ms=duration_ms,
            layers=(Layer.METADATA,),
            signals=said.signals,
            findings=said.findings,
            shortfalls=reading_shortfalls(found, ended),
            coverage=Coverage(
                modules_found=len(found.modules) if found else 0,
                start_hooks=len(found.start_hooks) if found else 0,
                entry_points=len(found.entry_points) if found else 0,
            ),
            metadata_digest=digest_of_bytes(core) if core else None,
            code_digest=report.code_digest(found) if found else None,
            contents=said.contents,
            contents_changes=said.changes,
        )
    )


def _here(worker: str) -> Analyzer:
    return Analyzer(
        version=document.version(),
        python=".".join(map(str, sys.version_info[:3])),
        platform=printable(sysconfig.get_platform()),
        kernel=printable(platform.release()),
        worker=printable(worker),
    )
