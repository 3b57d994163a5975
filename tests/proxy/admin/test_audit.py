"""The audit log taken away: exported in pages, verified by itself, hostile text harmless in it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import NotAllowed, StoreError
from proxy.admin import audit
from proxy.admin.audit import (
    Verified,
    compare_with,
    export_audit,
    line_of,
    list_audit,
    read_lines,
    verify_rows,
    verify_store,
)
from proxy.store import chain
from proxy.store.audit_port import AuditLog
from proxy.store.memory import MemoryStore
from proxy.store.port import AuditRow
from tests.proxy.admin.people import CI, VIEW
from tests.proxy.store.values import START, FakeClock, make_decision, make_ref

HOSTILE = 'a"\n{"number":1}\r\u2028\u202e\x1b[2J\x7f\x00<script>'


async def filled(count: int = 6) -> MemoryStore:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    for number in range(count):
        if number % 2:
            await store.append_audit(actor="ada", action="did", subject=HOSTILE, detail="{}")
        else:
            await store.put_decision(make_decision(make_ref(version=f"{number}.0")))
        clock.advance(3600)
    return store


async def exported(store: MemoryStore, log: AuditLog = AuditLog.ALL) -> bytes:
    return b"".join([page async for page in export_audit(store, VIEW, log=log)])


async def test_export__in_pages_is_every_row_and_holds_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "EXPORT_ROWS", 2)
    store = await filled(5)
    pages = [page async for page in export_audit(store, VIEW)]
    assert [page.count(b"\n") for page in pages] == [2, 2, 1]
    rows = tuple(read_lines(io.BytesIO(b"".join(pages))))
    assert rows == await store.audit_rows(limit=100)
    found = verify_rows(rows)
    assert found == Verified(rows=5, first=1, last=5, hash=rows[-1].hash)
    assert found.whole
    assert await compare_with(store, VIEW, rows) == 5


async def test_export__hostile_text_ends_no_line_and_steers_no_terminal() -> None:
    text = await exported(await filled())
    assert len(text.splitlines()) == 6
    assert all(byte == 10 or 32 <= byte <= 126 for byte in text)
    assert json.loads(text.splitlines()[1])["subject"] == HOSTILE


@pytest.mark.parametrize(
    ("log", "numbers", "left_out"),
    [(AuditLog.DECISIONS, [1, 3, 5], 2), (AuditLog.ADMIN, [2, 4, 6], 2)],
)
async def test_export__of_one_log_says_what_it_leaves_out(
    log: AuditLog, numbers: list[int], left_out: int
) -> None:
    rows = list(read_lines(io.BytesIO(await exported(await filled(), log))))
    assert [row.number for row in rows] == numbers
    found = verify_rows(rows)
    assert (found.rows, found.left_out, found.whole) == (3, left_out, False)
    assert found.gaps == tuple((number + 1, number + 1) for number in numbers[:-1])


async def test_export__of_a_time_begins_in_the_middle() -> None:
    store = await filled()
    hour = timedelta(hours=1)
    pages = export_audit(store, VIEW, since=START + 2 * hour, until=START + 4 * hour)
    rows = list(read_lines(io.BytesIO(b"".join([page async for page in pages]))))
    assert [row.number for row in rows] == [3, 4]
    assert verify_rows(rows) == Verified(rows=2, first=3, last=4, hash=rows[-1].hash)
    assert not verify_rows(rows).whole


def forged(rows: Sequence[AuditRow], number: int) -> list[AuditRow]:
    """Rows in which one was changed, and given the hash that it then has."""
    row = rows[number - 1]
    fresh = chain.link(
        rows[number - 2] if number > 1 else None,
        at=row.at,
        actor="nobody",
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
    return [*rows[: number - 1], fresh, *rows[number:]]


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda rows: [rows[0], replace(rows[1], actor="nobody"), *rows[2:]], "row 2 was changed"),
        (lambda rows: [replace(rows[0], at=rows[1].at), *rows[1:]], "row 1 was changed"),
        (lambda rows: forged(rows, 2), "row 3 does not follow"),
        (lambda rows: [rows[0], rows[0], *rows[1:]], "row 1 is out of its order"),
        (lambda rows: rows[::-1], "row 5 is out of its order"),
        (lambda rows: [replace(rows[0], previous="1" * 64)], "row 1 is not the beginning"),
        (lambda rows: [replace(rows[0], number=0)], "row 0 is out of its order"),
        (lambda rows: [replace(rows[2], number=2)], "row 2 was changed"),
        (lambda rows: [replace(rows[0], detail="x" * 70_000)], "row 1 is not of its form"),
    ],
)  # fmt: skip
async def test_verify_rows__names_the_first_broken_row(tamper: object, message: str) -> None:
    rows = list(await (await filled()).audit_rows(limit=100))
    with pytest.raises(StoreError, match=message) as caught:
        verify_rows(tamper(rows))  # type: ignore[operator]
    assert caught.value.next_step


async def test_compare_with__finds_what_was_forged_from_the_start() -> None:
    """A file forged whole holds by itself; the store does not agree."""
    store = await filled()
    rows = list(await store.audit_rows(limit=100))
    (first, *_) = forged(rows, 1)
    verify_rows([first])
    with pytest.raises(StoreError, match="row 1 is not what the store has"):
        await compare_with(store, VIEW, [first])


async def test_compare_with__leaves_out_what_the_store_has_let_go() -> None:
    rows = await (await filled()).audit_rows(limit=100)
    assert await compare_with(await filled(2), VIEW, rows) == 2


@pytest.mark.parametrize(
    ("line", "number"),
    [(b"{}\n", 3), (b"nonsense\n", 3), (b"\n", 3), (b'{"number": 3', 3), (b"\xff\xfe\n", 3)],
)
async def test_read_lines__a_damaged_line_is_named(line: bytes, number: int) -> None:
    text = await exported(await filled(2)) + line
    with pytest.raises(StoreError, match=f"Line {number} "):
        list(read_lines(io.BytesIO(text)))


async def test_read_lines__a_line_without_an_end_is_refused_at_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "LINE_BYTES_MAX", 100)
    with pytest.raises(StoreError, match="Line 1 "):
        list(read_lines(io.BytesIO(b'{"number":1,"actor":"' + b"x" * 1_000)))


async def test_line__of_the_longest_row_is_read_back() -> None:
    detail = "\U0001f600" * 65_536
    row = chain.link(None, at=START, actor="a", action="b", subject="c", detail=detail)
    assert list(read_lines(io.BytesIO(line_of(row)))) == [row]


async def test_list_and_verify__need_a_viewer() -> None:
    store = await filled()
    rows = await list_audit(store, VIEW, log=AuditLog.ADMIN, before=6, limit=1)
    assert [row.number for row in rows] == [4]
    assert await verify_store(store, VIEW) == 6
    with pytest.raises(NotAllowed):
        await list_audit(store, CI)
    with pytest.raises(NotAllowed):
        await verify_store(store, CI)
    with pytest.raises(NotAllowed):
        await anext(export_audit(store, CI))
