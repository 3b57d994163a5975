"""record() returns when the record is durable; a store that is down costs no record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from models.errors import Overloaded, StoreError
from proxy.fetchlog import FetchLog, Spool
from proxy.store.memory import MemoryStore
from proxy.store.port import Fetch
from tests.proxy.web.decided import START, StillClock, ref_of, until

REF = ref_of()


def fetch(number: int) -> Fetch:
    return Fetch(
        at=START,
        ref=REF,
        requester=f"client-{number}",
        address="203.0.113.9",
        user_agent="pip/26.3",
        status=200,
        decision_id="abcdefgh",
    )


class CountingStore(MemoryStore):
    """Counts transactions, and can be down, or slow."""

    def __init__(self) -> None:
        super().__init__(clock=StillClock())
        self.batches: list[int] = []
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def record_fetches(self, fetches: Sequence[Fetch]) -> None:
        await self.gate.wait()
        if self.down:
            raise StoreError("The store is down.")
        self.batches.append(len(fetches))
        await super().record_fetches(fetches)


@asynccontextmanager
async def running(log: FetchLog) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(log.run(stop))
    await until(lambda: log.running)
    try:
        yield stop
    finally:
        stop.set()
        await task


async def names(store: MemoryStore) -> list[str]:
    return sorted(row.requester for row in await store.fetches(limit=1000))


async def test_record__is_in_the_store_when_it_returns(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, spool=tmp_path / "spool")
    async with running(log):
        await log.record(fetch(1))
        assert await names(store) == ["client-1"]


async def test_record__those_who_come_during_a_write_share_the_next(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, spool=tmp_path / "spool")
    async with running(log):
        store.gate.clear()
        tasks = [asyncio.create_task(log.record(fetch(0)))]
        await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(log.record(fetch(i))) for i in range(1, 50)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        store.gate.set()
        await asyncio.gather(*tasks)
    assert [size for size in store.batches if size] == [1, 49]


async def test_record__without_a_writer_is_refused(tmp_path: Path) -> None:
    log = FetchLog(store=CountingStore(), spool=tmp_path / "spool")
    with pytest.raises(StoreError):
        await log.record(fetch(1))


async def test_record__bound_is_refused(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, spool=tmp_path / "spool", pending_max=2)
    async with running(log):
        store.gate.clear()
        tasks = [asyncio.create_task(log.record(fetch(0)))]
        await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(log.record(fetch(i))) for i in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await log.record(fetch(3))
        store.gate.set()
        await asyncio.gather(*tasks)


async def test_record__store_down_goes_to_disk_and_comes_back(tmp_path: Path) -> None:
    store = CountingStore()
    spool = tmp_path / "spool"
    log = FetchLog(store=store, spool=spool, retry_s=0.01)
    async with running(log):
        store.down = True
        for number in range(3):
            await log.record(fetch(number))
        assert log.spooling
        assert len(spool.read_bytes().splitlines()) == 3
        assert await names(store) == []
        store.down = False
        await until(lambda: not log.spooling)
        assert await names(store) == ["client-0", "client-1", "client-2"]
        assert not spool.exists()
        await log.record(fetch(3))
        assert len(await names(store)) == 4


async def test_run__replays_what_a_killed_process_left(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    Spool(spool, bytes_max=1 << 20).append([fetch(1), fetch(2)])
    with spool.open("ab") as file:
        file.write(b'{"at":"2026-01-02T12:00:00Z","ref":{"ind')  # cut by the kill
    store = CountingStore()
    async with running(FetchLog(store=store, spool=spool)) as stop:
        stop.set()
    assert await names(store) == ["client-1", "client-2"]
    assert not spool.exists()


async def test_run__a_replay_that_breaks_off_repeats_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.fetchlog.BATCH_MAX", 2)
    spool = tmp_path / "spool"
    Spool(spool, bytes_max=1 << 20).append([fetch(number) for number in range(5)])
    store = CountingStore()
    real = store.record_fetches
    failing = ["client-2", "client-4"]

    async def breaking(fetches: Sequence[Fetch]) -> None:
        if failing and failing[0] in {record.requester for record in fetches}:
            failing.pop(0)
            raise StoreError("The store went away.")
        await real(fetches)

    monkeypatch.setattr(store, "record_fetches", breaking)
    log = FetchLog(store=store, spool=spool, retry_s=0.01)
    async with running(log):
        await until(lambda: not log.spooling)
        await log.record(fetch(5))
    assert await names(store) == [f"client-{number}" for number in range(6)]


def test_append__after_a_cut_line_begins_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    path.write_bytes(b'{"cut')
    spool = Spool(path, bytes_max=1 << 20)
    spool.append([fetch(1)])
    assert [row.requester for row in spool.read()] == ["client-1"]


async def test_record__neither_store_nor_disk_refuses_the_byte(tmp_path: Path) -> None:
    store = CountingStore()
    store.down = True
    log = FetchLog(store=store, spool=tmp_path / "no-folder" / "spool", retry_s=60)
    async with running(log):
        with pytest.raises(StoreError):
            await log.record(fetch(1))


async def test_record__full_spool_refuses_the_byte(tmp_path: Path) -> None:
    store = CountingStore()
    store.down = True
    room = len(msgspec.json.encode(fetch(1))) + 10
    log = FetchLog(store=store, spool=tmp_path / "spool", spool_bytes_max=room, retry_s=60)
    async with running(log):
        await log.record(fetch(1))
        with pytest.raises(StoreError):
            await log.record(fetch(2))


async def test_run__stop_writes_what_was_pending(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, spool=tmp_path / "spool")
    async with running(log) as stop:
        store.gate.clear()
        tasks = [asyncio.create_task(log.record(fetch(i))) for i in range(5)]
        await asyncio.sleep(0)
        stop.set()
        store.gate.set()
        await asyncio.gather(*tasks)
    assert len(await names(store)) == 5
