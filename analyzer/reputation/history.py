"""What a project's page says of its past: age, cadence, gaps, yanks, and the index's own word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

from packaging.version import InvalidVersion, Version

from analyzer.clean import printable
from analyzer.reputation import catalog
from models.evidence import Finding, Severity
from models.facts import FactSignal

DAY = timedelta(days=1)
DORMANT_LOW = timedelta(days=2 * 365)
DORMANT_MEDIUM = timedelta(days=4 * 365)
"""ctx was silent for over seven years before it was taken over (2022); many honest projects sleep for two."""
FRESH = timedelta(days=30)
"""While a release is so young a hijack may not have been noticed; most are within days."""
SETTLED = timedelta(days=182)
"""A release that has been out so long is no longer news."""
LATE = timedelta(days=182)
BURST_RELEASES = 10
MAJOR_JUMP = 50
MAJORS_ODD = range(90, 1900)
"""Major versions that no project counts up to; from 1900 on they are years (CalVer)."""
STATUS_CHARS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on the page."""

    version: str
    at: datetime | None
    yanked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A project's page, as far as its past is concerned."""

    uploads: tuple[Upload, ...]
    status: str = ""
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Signals and findings about one file of a project."""

    signals: tuple[FactSignal, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Release:
    version: str
    first: datetime


def past_of(history: History, *, version: str, uploaded_at: datetime, as_of: datetime) -> Past:
    """What is known of a file of `version`, uploaded then, when asked at `as_of`."""
    releases = _releases(history.uploads)
    own = next((release.first for release in releases if release.version == version), uploaded_at)
    before = [one for one in releases if one.first < own and one.version != version]
    gap = own - before[-1].first if before else None
    usual = _median_gap(before)
    same_day = 1 + sum(own - one.first < DAY for one in before)
    step = _major_step(version, before)
    first = min((one.first for one in releases), default=uploaded_at)
    into = max(uploaded_at - own, timedelta())
    signals = (
        catalog.AGE_AT_UPLOAD.told((uploaded_at - first).days),
        catalog.RELEASES_BEFORE.told(len(before)),
        catalog.GAP.told(None if gap is None else gap.days),
        catalog.MEDIAN_GAP.told(None if usual is None else usual.days),
        catalog.SAME_DAY.told(same_day),
        catalog.MAJOR_STEP.told(step),
        catalog.FILES_LATE.told(into.days),
        catalog.RELEASE_AGE.told((as_of - uploaded_at).days),
        *_today(history, releases),
    )
    age = as_of - uploaded_at
    findings = (
        *_status(history.status),
        *_dormant(gap, age),
        *_burst(same_day, usual, age),
        *_jump(version, step, before),
        *_late(into, age),
    )
    return Past(signals=signals, findings=findings)


def gap_before(history: History, *, version: str, uploaded_at: datetime) -> timedelta | None:
    """The silence before a release; None for a first one."""
    releases = _releases(history.uploads)
    own = next((release.first for release in releases if release.version == version), uploaded_at)
    return min((own - one.first for one in releases if one.first < own), default=None)


def _releases(uploads: Iterable[Upload]) -> list[_Release]:
    """Each version with the time of its first file, oldest first; files without a time say nothing."""
    firsts: dict[str, datetime] = {}
    for upload in uploads:
        if upload.version and upload.at is not None:
            firsts[upload.version] = min(upload.at, firsts.get(upload.version, upload.at))
    return sorted(
        (_Release(version=version, first=first) for version, first in firsts.items()),
        key=lambda release: (release.first, release.version),
    )


def _median_gap(releases: list[_Release]) -> timedelta | None:
    gaps = [new.first - old.first for old, new in pairwise(releases)]
    return median_low(gaps) if gaps else None


def _major(version: str) -> int | None:
    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    # An epoch outranks every number behind it (PEP 440), so it is the greater jump.
    return parsed.major if not parsed.epoch else parsed.epoch * 100_000


def _major_step(version: str, before: list[_Release]) -> int | None:
    own = _major(version)
    majors = [major for one in before if (major := _major(one.version)) is not None]
    return None if own is None or not majors else max(own - max(majors), 0)


def _today(history: History, releases: list[_Release]) -> tuple[FactSignal, ...]:
    whole: dict[str, bool] = {}
    for upload in history.uploads:
        whole[upload.version] = whole.get(upload.version, True) and upload.yanked
    percent = 100 * sum(whole.values()) // len(whole) if whole else None
    newest = whole.get(releases[-1].version) if releases else None
    status = printable(history.status, STATUS_CHARS_MAX) or None
    return (
        catalog.YANKED_PERCENT.told(percent),
        catalog.NEWEST_YANKED.told(newest),
        catalog.STATUS.told(status),
        catalog.POPULARITY.told(history.rank),
    )


def _status(status: str) -> tuple[Finding, ...]:
    match status:
        case "quarantined":
            return (catalog.QUARANTINED.found(),)
        case "archived":
            return (catalog.ARCHIVED.found(),)
        case "deprecated":
            return (catalog.DEPRECATED.found(),)
        case _:
            return ()


def _dormant(gap: timedelta | None, age: timedelta) -> tuple[Finding, ...]:
    if gap is None or gap < DORMANT_LOW or age >= SETTLED:
        return ()
    medium = gap >= DORMANT_MEDIUM and age < FRESH
    return (catalog.DORMANT_REVIVED.found(Severity.MEDIUM if medium else Severity.LOW),)


def _burst(same_day: int, usual: timedelta | None, age: timedelta) -> tuple[Finding, ...]:
    habit = usual is not None and usual < DAY
    return (
        (catalog.BURST.found(),) if same_day >= BURST_RELEASES and not habit and age < FRESH else ()
    )


def _jump(version: str, step: int | None, before: list[_Release]) -> tuple[Finding, ...]:
    major = _major(version)
    if major is None or major not in MAJORS_ODD or (before and (step or 0) < MAJOR_JUMP):
        return ()
    return (catalog.VERSION_JUMP.found(),)


def _late(into: timedelta, age: timedelta) -> tuple[Finding, ...]:
    return (catalog.LATE_FILE.found(),) if into >= LATE and age < FRESH else ()
