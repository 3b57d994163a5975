"""Schema 8: what older rows give it, and queries that must stay fast, held by their plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from models.decision import Action, Decision
from proxy.store.codec import digest_of_text, encode, micros
from proxy.store.exceptions_port import OverrideUses
from proxy.store.sql import audit_log, installed, override_uses, requests
from proxy.store.sql.connection import Connection
from proxy.store.sql.migrate import packaged
from proxy.store.sql.rows import FETCH_COLUMNS, fetch_values, ref_columns
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import START, FakeClock, make_decision, make_fetch, make_ref, waiting

HOUR = timedelta(hours=1)
OLD = 7
CURRENT = """
INSERT INTO current_decisions (
  number, index_name, project, sha256, filename, digest, action, policy_digest
) VALUES (8, :index_name, :project, :sha256, :filename, 'd', 'HOLD', 'p')
"""
INSERT = """
INSERT INTO decisions (id, digest, recorded_at, schema_version, value)
VALUES (:id, :digest, :at, :version, :value)
"""
FETCHED = """
INSERT INTO fetches (
  at, index_name, project, sha256, filename, requester, address, user_agent, status, decision_id
) VALUES (
  :at, :index_name, :project, :sha256, :filename, :requester, :address, :user_agent, :status,
  :decision_id
)
"""
SCANS_ALLOWED = ("json_each", "subquery", "(subquery", "CONSTANT", "line")
PLANS = {
    "holders": installed.HOLDERS,
    "holders in all": installed.HOLDERS_TOTAL,
    "refs of a project": installed.REFS_OF,
    "a file that is analysed again": installed.WAITS,
    "flips": installed.WORSENED,
    "uses": override_uses.USES,
    "decisions of an override": override_uses.DECISIONS,
    "requests of a state": requests.OF_STATE,
    "requests of one person": requests.OPEN_OF,
    "requests in all": requests.OPEN_COUNT,
    "request behind an override": requests.BEHIND,
    **{f"audit after, {log}": sql for log, sql in audit_log.AFTER.items()},
    **{f"audit before, {log}": sql for log, sql in audit_log.BEFORE.items()},
}
PARAMETERS = (
    *("index_name", "project", "sha256", "filename", "id", "limit", "since", "until", "before"),
    *("after", "requester", "state", "now", "alive"),
)


def row_of(decision: Decision, hours: int) -> dict[str, object]:
    value = encode(decision)
    return {
        "id": decision.id,
        "digest": digest_of_text(value),
        "at": micros(START + hours * HOUR),
        "version": decision.schema_version,
        "value": value,
    }


async def test_open__finds_flips_and_uses_in_older_history(path: Path, clock: FakeClock) -> None:
    served, denied = make_decision(), make_decision(action=Action.DENY)
    allowed = replace(make_decision(make_ref("allowed")), override_id="o1")
    old = Connection.open(path, clock=clock, migrations=packaged()[:OLD])
    again = make_ref("again")
    history = [served, allowed, waiting(), denied, make_decision(score=85), make_decision(score=86)]
    history += [make_decision(again), waiting(again)]
    await old.write(
        lambda session: session.run_many(
            INSERT, [row_of(decision, hours) for hours, decision in enumerate(history)]
        )
    )
    await old.write(lambda session: session.run(CURRENT, ref_columns(again)))
    await old.close()
    store = SqliteStore.open(path, clock=clock)
    (found,) = await store.worsened(since=START)
    assert (found.decision, found.served, found.at) == (denied, served, START + 3 * HOUR)
    assert await store.override_uses("o1") == OverrideUses(override_id="o1", decisions=1)
    await store.put_decision(make_decision(again, action=Action.DENY))
    assert [one.decision.ref for one in await store.worsened(since=START)] == [again, served.ref]
    await store.close()


@pytest.mark.parametrize("sql", PLANS.values(), ids=PLANS.keys())
async def test_query__finds_its_rows_by_an_index(sqlite_store: SqliteStore, sql: str) -> None:
    params: dict[str, object] = dict.fromkeys(PARAMETERS, 1)
    params["files"] = "[]"
    plan = await sqlite_store._on.read(
        lambda session: session.rows(f"EXPLAIN QUERY PLAN {sql}", params)
    )
    scans = [row["detail"] for row in plan if row["detail"].startswith("SCAN ")]
    assert [scan for scan in scans if not scan.split()[1].startswith(SCANS_ALLOWED)] == []


async def test_holders__follow_records_that_are_let_go(sqlite_store: SqliteStore) -> None:
    """Retention deletes fetch records; who has none left is not named any more."""
    ref = make_ref()
    fetch = make_fetch(ref)
    whole, part = (
        structs.replace(fetch, requester="ci"),
        structs.replace(fetch, requester="ci", status=206),
    )
    await sqlite_store.record_fetches([fetch, whole, part])
    old = {"at": micros(fetch.at) + 1}
    since = "INSERT INTO kept_since (what, at) VALUES ('fetches', :at)"  # as a sweep writes it down
    await sqlite_store._on.write(lambda s: s.run(since, old))
    await sqlite_store._on.write(lambda s: s.run("DELETE FROM fetches WHERE status = 206"))
    (both, _) = (await sqlite_store.holders([ref.sha256])).rows
    assert (both.requester, both.fetches, both.whole, both.parts) == ("ci", 1, 1, 0)
    await sqlite_store._on.write(lambda s: s.run("DELETE FROM fetches WHERE requester = 'ci'"))
    found = await sqlite_store.holders([ref.sha256])
    assert ([row.requester for row in found.rows], found.count) == (["laptop"], 1)


async def test_open__adds_up_older_fetch_records(path: Path, clock: FakeClock) -> None:
    ref = make_ref()
    old = Connection.open(path, clock=clock, migrations=packaged()[:OLD])
    columns = dict(zip(FETCH_COLUMNS, fetch_values(make_fetch(ref)), strict=True))
    await old.write(lambda session: session.run_many(FETCHED, [columns, columns]))
    await old.close()
    store = SqliteStore.open(path, clock=clock)
    await store.record_fetches([make_fetch(ref)])
    (found,) = (await store.holders([ref.sha256])).rows
    assert (found.fetches, found.whole, found.groups) == (3, 3, ())
    await store.close()
