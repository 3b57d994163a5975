"""Queries that must stay fast, held by their plans and not by a clock."""

from __future__ import annotations

import re

import pytest

from proxy.store.sql import deciding, decisions, evidence, jobs, traffic
from proxy.store.sql.connection import Session
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import MODEL, POLICY, PYPI, make_decision, make_ref, name

PLANS = {
    "decisions of a project": decisions.OF_PROJECT,
    "a ref's decision": decisions.OF_REF,
    "stale decisions": decisions.NOT_RESTING_ON,
    "expired decisions": decisions.EXPIRED,
    "served files of a project": decisions.SERVED,
    "decisions by a worker": decisions.BY_WORKER,
    "decision by id": decisions.BY_ID,
    "a ref's job": jobs.OF_REF,
    "the job of a lease": jobs.BY_LEASE,
    "the next job": jobs.NEXT,
    "open jobs": jobs.OPEN,
    "observed jobs": jobs.OBSERVED,
    "expired leases": jobs.EXPIRED,
    "latest evidence": evidence.LATEST,
    "fetches of bytes": traffic.NEWEST_OF,
    "a page": traffic.PAGE,
}


PARAMETERS = (
    *("index_name", "project", "sha256", "filename", "worker", "id"),
    *("policy_digest", "model_digest", "as_of", "limit", "name", "now", "lease_id"),
)


@pytest.mark.parametrize("sql", PLANS.values(), ids=PLANS.keys())
async def test_query__finds_its_rows_by_an_index(sqlite_store: SqliteStore, sql: str) -> None:
    """No table is read from end to end; a partial index of open jobs is as short as they are."""
    params = dict.fromkeys(PARAMETERS, 1)
    plan = await sqlite_store._on.read(
        lambda session: session.rows(f"EXPLAIN QUERY PLAN {sql}", params)
    )
    details = [row["detail"] for row in plan]
    scans = [detail for detail in details if detail.startswith("SCAN ")]
    assert [scan for scan in scans if not re.search(r"subquery|USING INDEX jobs_", scan)] == []


async def test_decisions_of__two_thousand_files(sqlite_store: SqliteStore) -> None:
    def fill(session: Session) -> None:
        for number in range(2000):
            deciding.put(session, make_decision(make_ref(version=f"{number}.0")), actor="judge")

    await sqlite_store._on.write(fill)
    found = await sqlite_store.decisions_of(PYPI, name("demo"))
    assert len(found) == 2000
    assert found[0].ref.version == "1999.0"
    assert await sqlite_store.decisions_not_resting_on(POLICY, MODEL, limit=10) == ()
