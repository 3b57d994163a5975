"""The audit log as an auditor takes it away: listed, exported as JSON lines, verified by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

import msgspec

from models.errors import StoreError
from proxy.admin.access import Principal, Role
from proxy.store import chain
from proxy.store.audit_port import AuditLog
from proxy.store.port import AuditRow, Store

EXPORT_ROWS = 1_000
"""Rows read at once: some hundred KiB, whatever the length of the log."""
LINE_BYTES_MAX = 1024 * 1024
"""Bytes of one line: a detail has 64 Ki characters, each of up to twelve bytes when escaped."""

GAPS_NAMED = 5
"""Stretches left out that are named; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a stretch of the chain, or a part of it, was found to be: sound."""

    rows: int
    first: int
    """Number of its first row; 0 where there is none."""
    last: int
    hash: str
    """Of the last row: who has it from elsewhere knows that nothing before it was changed."""
    left_out: int = 0
    """Rows between its first and its last that it does not hold: those of the other log, or removed.
    Which of the two cannot be told from it."""
    gaps: tuple[tuple[int, int], ...] = ()
    """The first few of these stretches, by number."""

    @property
    def whole(self) -> bool:
        """Whether it is the chain from its beginning, with nothing left out."""
        return not self.left_out and self.first in (0, 1)


async def list_audit(
    store: Store,
    by: Principal,
    *,
    log: AuditLog = AuditLog.ALL,
    before: int = 0,
    limit: int = 100,
) -> tuple[AuditRow, ...]:
    """Rows of one log, newest first, below number `before`. Raises NotAllowed, StoreError."""
    by.require(Role.VIEWER)
    return await store.audit_before(log, before=before, limit=limit)


async def export_audit(
    store: Store,
    by: Principal,
    *,
    log: AuditLog = AuditLog.ALL,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[bytes]:
    """Lines of an export, oldest first, a page of the store at a time.

    Rows that come meanwhile stand at the end. Raises NotAllowed, StoreError.
    """
    by.require(Role.VIEWER)
    after = 0
    while rows := await store.audit_rows(
        log, after=after, since=since, until=until, limit=EXPORT_ROWS
    ):
        yield b"".join(line_of(row) for row in rows)
        after = rows[-1].number


async def verify_store(store: Store, by: Principal) -> int:
    """The number of rows of a chain that holds. Raises StoreError naming the first broken row."""
    by.require(Role.VIEWER)
    return await store.verify_audit()


def line_of(row: AuditRow) -> bytes:
    """A row as one line of JSON in plain ASCII: nothing in it can end a line or steer a terminal."""
    text = json.dumps(msgspec.to_builtins(row), ensure_ascii=True, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def read_lines(file: BinaryIO) -> Iterator[AuditRow]:
    """The rows of an exported file, or of an archive. Raises StoreError naming the first bad line."""
    number = 0
    while line := file.readline(LINE_BYTES_MAX):
        number += 1
        try:
            yield msgspec.json.decode(line, type=AuditRow)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreError(
                f"Line {number} is no row of an audit log: it was changed, or cut off.",
                next_step="Export it again, and compare.",
            ) from error


def verify_rows(rows: Iterable[AuditRow]) -> Verified:
    """Check rows by themselves: each row's own hash, and that it follows the one before it.

    Where numbers are left out, what stood between them is not vouched for. Raises StoreError naming the
    first broken row.
    """
    count, first, left_out, last = 0, 0, 0, None
    gaps: list[tuple[int, int]] = []
    for row in rows:
        _check(row, last)
        if last is not None and row.number != last.number + 1:
            left_out += row.number - last.number - 1
            if len(gaps) < GAPS_NAMED:
                gaps.append((last.number + 1, row.number - 1))
        count, first, last = count + 1, first or row.number, row
    return Verified(
        rows=count,
        first=first,
        last=last.number if last else 0,
        hash=last.hash if last else chain.GENESIS,
        left_out=left_out,
        gaps=tuple(gaps),
    )


async def compare_with(store: Store, by: Principal, rows: Iterable[AuditRow]) -> int:
    """How many rows a file shares with the store. Raises StoreError naming the first that differs.

    Rows that the store has let go are not compared.
    """
    by.require(Role.VIEWER)
    shared = 0
    page: dict[int, AuditRow] = {}
    read_to = 0
    for row in rows:
        if row.number > read_to:
            found = await store.audit_rows(after=row.number - 1, limit=EXPORT_ROWS)
            page = {one.number: one for one in found}
            read_to = found[-1].number if found else row.number
        if row.number in page:
            if page[row.number] != row:
                raise _broken(row.number, "is not what the store has")
            shared += 1
    return shared


def _check(row: AuditRow, last: AuditRow | None) -> None:
    if row.number < 1 or (last is not None and row.number <= last.number):
        raise _broken(row.number, "is out of its order")
    follows = last is not None and row.number == last.number + 1
    if row.number == 1 and row.previous != chain.GENESIS:
        raise _broken(1, "is not the beginning of a chain")
    if follows and last is not None and row.previous != last.hash:
        raise _broken(row.number, "does not follow the row before it")
    # The row that it says it follows, by number and hash: what the chain hangs the next row on.
    before = None if row.number == 1 else replace(row, number=row.number - 1, hash=row.previous)
    try:
        expected = chain.link(
            before,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
        )
    except StoreError as error:
        raise _broken(row.number, "is not of its form") from error
    if expected != row:
        raise _broken(row.number, "was changed")


def _broken(number: int, how: str) -> StoreError:
    return StoreError(
        f"The audit log is broken: row {number} {how}.",
        next_step="Compare it with the store (`pratique audit verify`), with archives and backups.",
    )
