"""What a project's publishers and attestations were before, against what this file shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from analyzer.provenance.catalog import CHANGED, LOST
from analyzer.provenance.publisher import Publisher
from models.evidence import Finding, Severity

STREAK_MEDIUM = 3
"""Attested releases in a row that make a habit: svglib lost its attestation after one, honestly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file on the project's page, as far as attestations are concerned."""

    filename: str
    version: str
    uploaded_at: datetime | None
    attested: bool


def publisher_changes(now: Sequence[Publisher], before: Sequence[Publisher]) -> tuple[Finding, ...]:
    """What is new about who published, the worst first by publisher; nothing where nothing is known.

    `before`: the publishers of earlier files that are trusted. A project may have several.
    """
    if not before:
        return ()
    return tuple(found for one in now if (found := _change(one, before)) is not None)


def _change(now: Publisher, before: Sequence[Publisher]) -> Finding | None:
    if now in before:
        return None
    same_repository = [old for old in before if _same_repository(now, old)]
    if not same_repository:
        own = any(_same_owner(now, old) for old in before)
        severity = Severity.MEDIUM if own else Severity.HIGH
        return CHANGED.found(
            severity, what="repository" if own else "owner", place=_from_to(before[-1], now)
        )
    if not any(_same_owner(now, old) for old in same_repository):
        return CHANGED.found(what="owner", place=_from_to(same_repository[-1], now))
    workflow = all(now.workflow != old.workflow for old in same_repository)
    environment = all(now.environment != old.environment for old in same_repository)
    if workflow or environment:
        severity = Severity.MEDIUM if workflow and environment else Severity.LOW
        what = "workflow" if workflow else "environment"
        return CHANGED.found(severity, what=what, place=_from_to(same_repository[-1], now))
    if all(now.repository.lower() != old.repository.lower() for old in same_repository):
        return CHANGED.found(Severity.INFO, what="name", place=_from_to(same_repository[-1], now))
    return None  # another ref: every release has its own


def _same_repository(now: Publisher, old: Publisher) -> bool:
    if now.kind is not old.kind:
        return False
    if now.repository_id and old.repository_id:
        return now.repository_id == old.repository_id
    return (now.repository.lower(), now.account.lower()) == (
        old.repository.lower(),
        old.account.lower(),
    )


def _same_owner(now: Publisher, old: Publisher) -> bool:
    if now.kind is not old.kind:
        return False
    if now.owner_id and old.owner_id:
        return now.owner_id == old.owner_id
    if now.account or old.account:
        return now.account.lower() == old.account.lower()
    return _owner(now) == _owner(old)


def _owner(publisher: Publisher) -> str:
    return publisher.repository.lower().rpartition("/")[0]


def _from_to(old: Publisher, now: Publisher) -> str:
    return f"{old.words} → {now.words}"[:300]


def attested_streak(files: Iterable[Listed], *, version: str, before: datetime | None) -> int:
    """How many releases before `version`, back to back, have an attested file.

    Releases are in the order of their first upload; those without a time come first.
    """
    firsts: dict[str, datetime | None] = {}
    attested: set[str] = set()
    for file in files:
        if not file.version or file.version == version or not _earlier(file, before):
            continue
        known = firsts.setdefault(file.version, file.uploaded_at)
        if known is not None and file.uploaded_at is not None:
            firsts[file.version] = min(known, file.uploaded_at)
        if file.attested:
            attested.add(file.version)
    ordered = sorted(firsts, key=lambda one: (firsts[one] is not None, firsts[one] or before, one))
    streak = 0
    for one in reversed(ordered):
        if one not in attested:
            break
        streak += 1
    return streak


def attestation_lost(
    files: Sequence[Listed], *, filename: str, version: str, before: datetime | None
) -> tuple[Finding, ...]:
    """A finding where this file has no attestation and by what came before it should have one."""
    beside = any(
        file.attested and file.version == version and file.filename != filename for file in files
    )
    if beside:
        return (LOST.found(what="release"),)
    streak = attested_streak(files, version=version, before=before)
    if not streak:
        return ()
    severity = Severity.MEDIUM if streak >= STREAK_MEDIUM else Severity.LOW
    return (LOST.found(severity, what="project"),)


def _earlier(file: Listed, before: datetime | None) -> bool:
    return before is None or file.uploaded_at is None or file.uploaded_at < before
