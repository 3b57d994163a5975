"""The static report as the worker receives it: checked, bounded again, told as findings and signals.

The reader read hostile bytes; whoever took it over writes this report. Ids, reaches and sinks must
come out of closed tables, everything else is text to be cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzer.clean import printable
from analyzer.static.catalog import STATIC
from analyzer.static.result import (
    EXCERPT_CHARS_MAX,
    ITEMS_MAX,
    MATCHES_MAX,
    Match,
    Reach,
    Sink,
    StaticReport,
)
from models.evidence import Finding, Layer, Place, Severity, Signal
from models.phase import Phase

WHAT_CHARS_MAX = 40
"""Characters of `models.evidence.Finding.what`."""
HOST_CHARS_MAX = 255
"""Characters of a host name (RFC 1035)."""
NUMBER_MAX = 2**53
_REACHES = frozenset(reach.value for reach in Reach)
_SINKS = frozenset(sink.value for sink in Sink)
_PAIRS = frozenset(f"{reach} {sink}" for reach in _REACHES for sink in _SINKS)
_ORDER = tuple(Severity)


def parse_static(report: StaticReport) -> StaticReport | None:
    """The report within its bounds; None where an id, reach, pair or number is not of its form."""
    numbers = [getattr(report, name) for name in report.__slots__]
    counts = [number for number in numbers if isinstance(number, int)]
    counts += [match.line for match in report.matches]
    if any(not 0 <= number <= NUMBER_MAX for number in counts):
        return None
    if any(match.id not in STATIC or match.reach not in _REACHES for match in report.matches):
        return None
    if not _PAIRS.issuperset(report.sinks):
        return None
    return replace(
        report,
        matches=tuple(map(_bounded, report.matches[:MATCHES_MAX])),
        sinks=report.sinks[:ITEMS_MAX],
        hosts=tuple(printable(host, HOST_CHARS_MAX) for host in report.hosts[:ITEMS_MAX]),
        binaries=tuple(map(printable, report.binaries[:ITEMS_MAX])),
        cut=tuple(printable(name, WHAT_CHARS_MAX) for name in report.cut[:ITEMS_MAX]),
    )


def _bounded(match: Match) -> Match:
    return replace(
        match,
        path=printable(match.path),
        excerpt=printable(match.excerpt, EXCERPT_CHARS_MAX),
        what=printable(match.what, WHAT_CHARS_MAX),
        host=printable(match.host, HOST_CHARS_MAX),
    )


def severity_of(match: Match) -> Severity:
    """How bad a match is: its detector's level for what reaches it."""
    return Severity(STATIC[match.id].levels.get(Reach(match.reach), "info"))


def static_findings(report: StaticReport | None) -> tuple[Finding, ...]:
    """One finding for each match, in words out of the table."""
    return tuple(
        Finding(
            id=match.id,
            title=STATIC[match.id].title,
            severity=severity_of(match),
            layer=Layer.METADATA,
            phase=Phase.INVENTORY,
            technique=STATIC[match.id].technique,
            what=match.what,
            place=Place(path=match.path, line=match.line, excerpt=match.excerpt, host=match.host),
        )
        for match in (report.matches if report else ())
    )


def static_signals(report: StaticReport | None) -> tuple[Signal, ...]:
    """The facts of static reading, under `metadata.static_…`; none where nothing was read."""
    return tuple(
        Signal(
            name=f"metadata.static_{name}",
            layer=Layer.METADATA,
            value=value,
            phase=Phase.INVENTORY,
        )
        for name, value in (_facts(report) if report else ())
    )


def _facts(report: StaticReport) -> Iterator[tuple[str, int | bool]]:
    for reach in Reach:
        if reach is not Reach.NOTHING:
            for sink in Sink:
                yield f"{reach}_{sink}", f"{reach} {sink}" in report.sinks
    severities = [severity_of(match) for match in report.matches]
    for severity in _ORDER:
        yield f"matches_{severity}", severities.count(severity)
    yield "matches_more", report.more
    yield "hosts", len(report.hosts)
    yield "binaries", len(report.binaries)
    for name in ("entropy_milli", "code_bytes", "files", "files_left", "unparsed"):
        yield name, getattr(report, name)
