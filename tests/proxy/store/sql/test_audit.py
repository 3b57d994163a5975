"""The audit table in the file: tampering is found, history cannot be rewritten by mistake."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from models.errors import StoreError
from proxy.store.sql import audit
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import make_decision, make_ref

TAMPERING = {
    "changed": ("UPDATE audit SET actor = 'nobody' WHERE number = 2", "row 2 was changed"),
    "moved in time": ("UPDATE audit SET at = at + 1 WHERE number = 3", "row 3 was changed"),
    "rehashed": ("UPDATE audit SET detail = '{}', hash = previous WHERE number = 1", "row 1"),
    "cut out": ("DELETE FROM audit WHERE number = 2", "row 2 is missing"),
    "cut off at the end": ("DELETE FROM audit WHERE number = 4", "row 4 is missing"),
    "all gone": ("DELETE FROM audit", "row 1 is missing"),
    "cut off at the start": ("DELETE FROM audit WHERE number = 1", "row 1 is missing"),
}


@pytest.mark.parametrize(("sql", "message"), TAMPERING.values(), ids=TAMPERING.keys())
async def test_verify_audit__names_the_first_broken_row(
    sqlite_store: SqliteStore, path: Path, sql: str, message: str
) -> None:
    for number in range(4):
        await sqlite_store.put_decision(make_decision(make_ref(version=f"{number}.0")))
    assert await sqlite_store.verify_audit() == 4
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER audit_is_not_changed")
    raw.execute("DROP TRIGGER audit_is_not_deleted")
    raw.execute(sql)
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match=message) as caught:
        await sqlite_store.verify_audit()
    assert caught.value.next_step


async def test_verify_audit__walks_further_than_one_step(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "WALK_ROWS", 3)
    for number in range(7):
        await sqlite_store.append_audit(actor="a", action="b", subject=str(number), detail="{}")
    assert await sqlite_store.verify_audit() == 7


@pytest.mark.parametrize("table", ["audit", "decisions", "evidence"])
@pytest.mark.parametrize("change", ["UPDATE {} SET rowid = rowid + 1", "DELETE FROM {}"])
async def test_history__is_append_only(
    sqlite_store: SqliteStore, path: Path, table: str, change: str
) -> None:
    await sqlite_store.put_decision(make_decision())
    raw = sqlite3.connect(path)
    if table == "evidence":
        raw.execute("INSERT INTO evidence (digest, schema_version, value) VALUES ('d', 1, '{}')")
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(change.format(table))
    raw.rollback()
    raw.close()
