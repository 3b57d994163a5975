"""The audit chain: every row's hash covers the row and the hash before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from models.canonical import canonical_json
from models.errors import StoreConflict, StoreError
from proxy.store.bounds import AUDIT_DETAIL_CHARS_MAX
from proxy.store.port import AuditRow

GENESIS = "0" * 64
"""What the first row has for `previous`."""


class Link(Protocol):
    """What the next row hangs on: a row, or the anchor of an archive."""

    @property
    def number(self) -> int:
        """Its place in the chain, from 1 on."""

    @property
    def hash(self) -> str:
        """Its hash, in hex."""


def link(
    last: Link | None, *, at: datetime, actor: str, action: str, subject: str, detail: str
) -> AuditRow:
    """The row that follows `last`. Raises StoreError for a detail beyond its bound."""
    if len(detail) > AUDIT_DETAIL_CHARS_MAX:
        raise StoreError(
            f"An audit row's detail is at most {AUDIT_DETAIL_CHARS_MAX} characters.",
            next_step="Shorten it, or name fewer things at once.",
        )
    number = last.number + 1 if last else 1
    previous = last.hash if last else GENESIS
    return AuditRow(
        number=number,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        previous=previous,
        hash=_hash(number, at, actor, action, subject, detail, previous),
    )


def walk(rows: Iterable[AuditRow], *, last: Link | None) -> Link | None:
    """The last of `rows`, which follow `last`. Raises StoreError naming the first broken one."""
    for row in rows:
        expected = link(
            last,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
        )
        if row.number != expected.number:
            raise broken(expected.number, "is missing")
        if row != expected:
            raise broken(row.number, "was changed")
        last = row
    return last


def broken(number: int, how: str) -> StoreError:
    """The error for a chain that does not hold at `number`."""
    return StoreError(
        f"The audit chain is broken: row {number} {how}.",
        next_step="Compare the database with a backup; somebody wrote to it from outside.",
    )


def refused_anchor(number: int) -> StoreConflict:
    """The error for a row after which the chain cannot begin."""
    return StoreConflict(
        f"The audit chain cannot begin after row {number}.",
        next_step="Archive in one process at a time; `pratique keep` begins where the last one ended.",
    )


def _hash(*parts: object) -> str:
    try:
        return hashlib.sha256(canonical_json(parts)).hexdigest()
    except ValueError as error:  # text that is not Unicode
        raise StoreError(f"An audit row cannot be stored: {error}.") from error
