"""record() returns when the record is durable; a store that is slow or down costs no record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from models.errors import Overloaded, StoreError
from proxy.fetchjournal import lines_of
from proxy.fetchlog import FetchLog
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


def dead(folder: Path, fetches: Sequence[Fetch], *, name: str = "dead", cut: bytes = b"") -> Path:
    """A journal whose process was killed."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.journal"
    path.write_bytes(lines_of(fetches) + cut)
    return path


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.journal")))


async def test_record__is_on_disk_when_it_returns_and_in_the_store_soon(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, folder=tmp_path, gather_s=0.01)
    async with running(log):
        await log.record(fetch(1))
        assert on_disk(tmp_path) == lines_of([fetch(1)])
        assert await names(store) == []
        await until(lambda: bool(store.batches))
        assert await names(store) == ["client-1"]
        await until(lambda: on_disk(tmp_path) == b"")


async def test_record__a_slow_store_keeps_nobody_waiting_and_batches_share(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, folder=tmp_path, gather_s=0)
    async with running(log):
        store.gate.clear()
        await log.record(fetch(0))
        await asyncio.sleep(0.01)
        for number in range(1, 50):
            await log.record(fetch(number))
        store.gate.set()
        await until(lambda: len(store.batches) == 2)
    assert store.batches == [1, 49]


async def test_record__without_a_writer_is_refused(tmp_path: Path) -> None:
    log = FetchLog(store=CountingStore(), folder=tmp_path)
    with pytest.raises(StoreError):
        await log.record(fetch(1))


async def test_record__bound_is_refused(tmp_path: Path) -> None:
    log = FetchLog(store=CountingStore(), folder=tmp_path, pending_max=2, gather_s=60)
    async with running(log):
        await log.record(fetch(1))
        await log.record(fetch(2))
        with pytest.raises(Overloaded):
            await log.record(fetch(3))
        await log.flush()
        await log.record(fetch(3))


async def test_record__store_down_stays_on_disk_and_comes_back(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, folder=tmp_path, gather_s=0, retry_s=0.01)
    async with running(log):
        store.down = True
        await log.record(fetch(0))
        await until(lambda: log.spooling)
        for number in (1, 2):
            await log.record(fetch(number))
        assert len(on_disk(tmp_path).splitlines()) == 3
        assert await names(store) == []
        store.down = False
        await until(lambda: not log.spooling)
        assert await names(store) == ["client-0", "client-1", "client-2"]
        assert on_disk(tmp_path) == b""
        await log.record(fetch(3))
        await until(lambda: len(store.batches) > 2)
    assert len(await names(store)) == 4


async def test_run__brings_in_what_killed_processes_left(tmp_path: Path) -> None:
    folder, spool = tmp_path / "fetches", tmp_path / "fetches.spool"
    dead(folder, [fetch(1), fetch(2)], cut=b'{"at":"2026-01-02T12:00:00Z","ref":{"ind')
    dead(folder, [fetch(3)], name="other")
    spool.write_bytes(lines_of([fetch(4)]))
    store = CountingStore()
    async with running(FetchLog(store=store, folder=folder, left=spool)) as stop:
        stop.set()
    assert await names(store) == [f"client-{number}" for number in range(1, 5)]
    assert not spool.exists()
    assert list(folder.iterdir()) == []


async def test_run__leaves_a_living_process_its_journal(tmp_path: Path) -> None:
    store, other = CountingStore(), CountingStore()
    async with running(FetchLog(store=other, folder=tmp_path, gather_s=60)) as stop_other:
        log = FetchLog(store=other, folder=tmp_path, gather_s=60)
        async with running(log):
            await log.record(fetch(1))
            async with running(FetchLog(store=store, folder=tmp_path)) as stop:
                stop.set()
        stop_other.set()
    assert await names(store) == []
    assert await names(other) == ["client-1"]


async def test_run__a_replay_that_breaks_off_repeats_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.fetchlog.BATCH_MAX", 2)
    dead(tmp_path, [fetch(number) for number in range(5)])
    store = CountingStore()
    real = store.record_fetches
    failing = ["client-2", "client-4"]

    async def breaking(fetches: Sequence[Fetch]) -> None:
        if failing and failing[0] in {record.requester for record in fetches}:
            failing.pop(0)
            raise StoreError("The store went away.")
        await real(fetches)

    monkeypatch.setattr(store, "record_fetches", breaking)
    log = FetchLog(store=store, folder=tmp_path, retry_s=0.01)
    async with running(log):
        await until(lambda: not log.spooling)
        await log.record(fetch(5))
    assert await names(store) == [f"client-{number}" for number in range(6)]


async def test_record__no_disk_goes_straight_to_the_store(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, folder=tmp_path / "no-folder" / "fetches")
    async with running(log):
        await log.record(fetch(1))
        assert await names(store) == ["client-1"]


async def test_record__neither_store_nor_disk_refuses_the_byte(tmp_path: Path) -> None:
    store = CountingStore()
    store.down = True
    log = FetchLog(store=store, folder=tmp_path / "no-folder" / "fetches", retry_s=60)
    async with running(log):
        with pytest.raises(StoreError):
            await log.record(fetch(1))


async def test_record__full_journal_refuses_the_byte(tmp_path: Path) -> None:
    store = CountingStore()
    store.down = True
    room = len(msgspec.json.encode(fetch(1))) + 10
    log = FetchLog(store=store, folder=tmp_path, journal_bytes_max=room, gather_s=0, retry_s=60)
    async with running(log):
        await log.record(fetch(1))
        await until(lambda: log.spooling)
        with pytest.raises(StoreError):
            await log.record(fetch(2))


async def test_run__stop_writes_what_was_pending(tmp_path: Path) -> None:
    store = CountingStore()
    log = FetchLog(store=store, folder=tmp_path, gather_s=60)
    async with running(log) as stop:
        for number in range(5):
            await log.record(fetch(number))
        stop.set()
    assert len(await names(store)) == 5
