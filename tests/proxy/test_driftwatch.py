"""Drift on a server that runs: a learned scorer, files that were decided, and what `/metrics` says of them."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.artifact import Sha256
from models.decision import Decision
from models.evidence import Layer
from models.trust.drift import DriftReport
from models.trust.features.catalog import FEATURES
from policies.document import parse_policy
from policies.policy import Policy
from proxy import driftwatch
from proxy.driftwatch import DriftWatch
from proxy.rescoring import Progress
from proxy.scorers import scorer_of
from proxy.store.sqlite import SqliteStore
from tests.models.examples import NOW, evidence, ref
from tests.proxy.archive import decide
from tests.proxy.store.values import FakeClock
from tests.proxy.web.decided import until
from tests.proxy.web.house import open_house

LEARNED = parse_policy('mode = "enforce"\nscorer = "trust-1"\n', source="test")
RULES = parse_policy('mode = "enforce"\nscorer = "rules"\n', source="test")
FILES = 35
"""More than ROWS_MIN, so that something may be said of them."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "pratique.sqlite3"


async def fill(store: SqliteStore) -> list[Decision]:
    """Files observed yesterday by a worker whose sandbox was down, and one from before the week."""
    made = []
    for number in range(FILES + 1):
        of = ref(f"p{number}-1.0-py3-none-any.whl", Sha256(f"{number + 1:064x}"))
        at = NOW - timedelta(days=1 if number else 20)
        seen = evidence(of, observed_at=at, layers=(Layer.METADATA,))
        scorer = scorer_of(LEARNED)
        made.append(await decide(store, of, seen=seen, by=LEARNED, scorer=scorer, as_of=at))
    return made


def watch_of(database: Path, clock: FakeClock, told: driftwatch.Told, policy: Policy) -> DriftWatch:
    return DriftWatch(
        database, policy=lambda: policy, told=told, clock=clock, first_s=0, every_s=3600
    )


async def test_metrics__of_a_server_that_runs_have_drift_of_the_learned_model(
    tmp_path: Path, database: Path, clock: FakeClock
) -> None:
    store = SqliteStore.open(database, clock=clock)  # open all the time, as a server's is
    try:
        made = await fill(store)
        assert {d.score.model for d in made if d.score} == {scorer_of(LEARNED).name}
        async with open_house(tmp_path) as house:
            before = (await house.get("/metrics")).body.decode()
            assert "pratique_drift_psi{" not in before
            stop, looked = asyncio.Event(), asyncio.Event()

            def told(report: DriftReport | None, now: datetime) -> None:
                house.door.metrics.set_drift(report, now)
                looked.set()

            running = asyncio.create_task(watch_of(database, clock, told, LEARNED).run(stop))
            await looked.wait()
            stop.set()
            await running
            body = (await house.get("/metrics")).body.decode()
        await store.put_decision(made[0])  # nobody holds a lock
    finally:
        await store.close()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert found["pratique_drift_rows",] == FILES
    assert found["pratique_drift_timestamp_seconds",] == NOW.timestamp()
    assert found["pratique_layer_missing_ratio", "behaviour"] == 1
    assert found["pratique_layer_missing_ratio", "metadata"] == 0
    assert found["pratique_drift_columns", "moved"] > 0
    columns = {name[1] for name in found if name[0] == "pratique_drift_psi"}
    assert {feature.name for feature in FEATURES} & columns
    assert {"trust_score", "layer.behaviour"} <= columns
    assert not any(".whl" in name or name.startswith("p1") for name in columns)


async def test_look__leaves_the_store_as_it_was(database: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(database, clock=clock)
    await fill(store)
    await store.close()
    before = dump(database)
    reports: list[DriftReport | None] = []
    await watch_of(database, clock, lambda report, _: reports.append(report), LEARNED).look()
    assert [report.rows_now for report in reports if report] == [FILES]
    assert dump(database) == before


async def test_look__without_a_reference_there_is_nothing_to_tell(
    tmp_path: Path, database: Path, clock: FakeClock
) -> None:
    store = SqliteStore.open(database, clock=clock)
    await fill(store)
    await store.close()
    async with open_house(tmp_path) as house:
        metrics = house.door.metrics
        await watch_of(database, clock, metrics.set_drift, LEARNED).look()
        assert b"pratique_drift_psi{" in metrics.exposition("")[0]
        await watch_of(database, clock, metrics.set_drift, RULES).look()
        text = metrics.exposition("")[0]
    assert b"pratique_drift_psi{" not in text
    assert b"pratique_drift_rows 0.0\n" in text


async def test_run__outlives_a_store_that_is_not_there(database: Path, clock: FakeClock) -> None:
    stop, looked = asyncio.Event(), asyncio.Event()
    asked = 0

    def policy() -> Policy:
        nonlocal asked
        asked += 1
        return LEARNED

    watch = DriftWatch(
        database,
        policy=policy,
        told=lambda *_: looked.set(),
        clock=clock,
        first_s=0,
        every_s=0.001,
    )
    running = asyncio.create_task(watch.run(stop))
    await until(lambda: asked > 1)  # the first look has failed
    assert not looked.is_set()
    await SqliteStore.open(database, clock=clock).close()
    await looked.wait()
    stop.set()
    await running


async def test_run__a_look_under_way_does_not_hold_up_the_end(
    database: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up at its next page, and says nothing."""
    await SqliteStore.open(database, clock=clock).close()
    began, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def endless(*_: object, progress: Progress, **__: object) -> DriftReport:
        loop.call_soon_threadsafe(began.set)
        while True:
            progress(0, 1)
            await asyncio.sleep(0)

    monkeypatch.setattr(driftwatch, "drift", endless)
    reports: list[DriftReport | None] = []
    watch = watch_of(database, clock, lambda report, _: reports.append(report), LEARNED)
    running = asyncio.create_task(watch.run(stop))
    await began.wait()
    stop.set()
    await running
    assert reports == []


def dump(database: Path) -> list[str]:
    raw = sqlite3.connect(database)
    lines = list(raw.iterdump())
    raw.close()
    return lines
