"""The keeper: all that is old enough goes, in small steps, one keeper at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from models.errors import StoreConflict, StoreError
from proxy.keeping.folder import keeping_alone
from proxy.keeping.keeper import STEP_ROWS, Keeper
from proxy.keeping.periods import Periods
from proxy.store.keeping_port import Keepable, Swept
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import FakeClock, make_decision, make_fetch, make_page, make_ref

YEARS_S = 800 * 86_400
PERIODS = Periods(
    fetches_days=90,
    evidence_days=10,
    traces_days=10,
    decisions_days=10,
    pages_days=10,
    audit_days=9,
)


class Watched(SqliteStore):
    """Notes how many rows each writing step was told to look at."""

    limits: dict[Keepable, list[int]]
    broken = False
    """Whether the next sweep fails."""
    failures = 0

    reclaimed: Callable[[], None] = staticmethod(lambda: None)
    """Called when a run comes to its end."""

    async def reclaim(self, *, pages: int) -> int:
        self.reclaimed()
        return await super().reclaim(pages=pages)

    async def sweep(self, what: Keepable, **rest: Any) -> Swept:
        if self.broken:
            self.broken = False
            self.failures += 1
            raise StoreError("The store is down.")
        if not rest.get("look"):
            self.limits.setdefault(what, []).append(rest["limit"])
        return await super().sweep(what, **rest)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture
async def store(clock: FakeClock, tmp_path: Path) -> AsyncIterator[Watched]:
    opened = Watched.open(tmp_path / "x.sqlite", clock=clock)
    assert isinstance(opened, Watched)
    opened.limits = {}
    for version in range(3):
        ref = make_ref(version=f"{version}.0")
        await opened.put_decision(make_decision(ref, score=50))
        await opened.put_decision(make_decision(ref))
    await opened.put_page(make_page("other"))
    await opened.record_fetches([make_fetch() for _ in range(1_200)])
    clock.advance(YEARS_S)
    await opened.record_fetches([make_fetch(at=clock.now)])
    yield opened
    await opened.close()


def keeper_of(store: Watched, folder: Path, clock: FakeClock, **rest: Any) -> Keeper:
    return Keeper(store, PERIODS, folder, clock=clock, pause_s=0, **rest)


def archives(folder: Path) -> list[Path]:
    return list(folder.glob("audit-archive-*.jsonl"))


async def test_keep__lets_go_of_all_that_is_old_enough_in_small_steps(
    store: Watched, clock: FakeClock, tmp_path: Path
) -> None:
    told: list[tuple[str, int]] = []
    kept = await keeper_of(store, tmp_path, clock).keep(
        progress=lambda what, gone: told.append((what, gone))
    )
    gone = {one.what: one.gone for one in kept}
    assert gone == {
        "fetches": 1_200, "decisions": 3, "evidence": 0, "facts": 0, "traces": 0, "orphans": 0,
        "pages": 1, "audit": 5,
    }  # fmt: skip
    assert len(await store.fetches(limit=10_000)) == 1
    assert store.limits[Keepable.FETCHES] == [STEP_ROWS[Keepable.FETCHES]] * 6
    assert ("fetches", STEP_ROWS[Keepable.FETCHES]) in told
    newest = (await store.audit())[0]
    assert newest.action == "history_let_go"
    assert json.loads(newest.detail) == {"decisions": 3, "fetches": 1_200, "pages": 1}
    assert await store.verify_audit() == newest.number
    assert len(archives(tmp_path)) == 1


async def test_keep__a_second_time_there_is_nothing_to_do(
    store: Watched, clock: FakeClock, tmp_path: Path
) -> None:
    keeper = keeper_of(store, tmp_path, clock)
    await keeper.keep()
    await keeper.keep()  # the audit row that was the newest, and had to stay, follows
    rows = await store.audit()
    store.limits.clear()
    assert not any(one.gone for one in await keeper.keep())
    assert store.limits == {}
    assert await store.audit() == rows


async def test_look__tells_the_same_and_nothing_goes(
    store: Watched, clock: FakeClock, tmp_path: Path
) -> None:
    keeper = keeper_of(store, tmp_path, clock)
    looked = {one.what: one.gone for one in await keeper.look()}
    assert store.limits == {}
    assert len(await store.fetches(limit=10_000)) == 1_201
    assert looked == {one.what: one.gone for one in await keeper.keep()}


async def test_keep__one_at_a_time(store: Watched, clock: FakeClock, tmp_path: Path) -> None:
    with keeping_alone(tmp_path), pytest.raises(StoreConflict, match="Another process"):
        await keeper_of(store, tmp_path, clock).keep()
    assert store.limits == {}


async def test_keep__ends_early_where_the_server_stops(
    store: Watched, clock: FakeClock, tmp_path: Path
) -> None:
    stop = asyncio.Event()
    await keeper_of(store, tmp_path, clock).keep(stop=stop, progress=lambda *_: stop.set())
    assert len(await store.fetches(limit=10_000)) == 1_201 - STEP_ROWS[Keepable.FETCHES]
    assert await store.audit_anchors() == ()
    assert await store.verify_audit()


async def test_run__keeps_on_though_a_run_failed(
    store: Watched, clock: FakeClock, tmp_path: Path
) -> None:
    keeper = keeper_of(store, tmp_path, clock, first_s=0, every_s=0)
    store.broken = True
    stop = asyncio.Event()
    store.reclaimed = stop.set
    await asyncio.wait_for(keeper.run(stop), 60)
    assert store.failures == 1
    assert len(await store.fetches(limit=10_000)) == 1
