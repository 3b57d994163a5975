"""Each part says why it is not ready, once it is broken."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy.admin.events import Silent
from proxy.artifacts.folder import FolderArtifacts
from proxy.readiness import (
    BACK_S,
    TOLD_BACK_S,
    ClockWatch,
    disk_has_room,
    judge_listens,
    worker_seen,
)
from proxy.store.memory import MemoryStore
from proxy.telling.workers import SILENT_S, Workers
from tests.firewall import scratch_folder
from tests.proxy.store.values import FakeClock


async def test_judge__a_socket_on_which_somebody_listens() -> None:
    path = scratch_folder() / "judge.sock"
    assert await judge_listens(path) == "nobody listens on the judge's socket"

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(greet, path)
    async with server:
        assert await judge_listens(path) == ""
    assert await judge_listens(path) != "", "the file may be there and nobody behind it"


async def test_worker__one_that_was_heard_of_lately() -> None:
    clock = FakeClock()
    workers = Workers(clock=clock, teller=Silent())
    assert "no worker" in await worker_seen(workers)
    workers.heard("pi")
    assert await worker_seen(workers) == ""
    clock.advance(SILENT_S)
    assert "no worker" in await worker_seen(workers)


async def test_disk__our_own_bound(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path, bytes_max=10)
    assert await disk_has_room(artifacts) == ""
    with artifacts.begin(10):
        assert "bound of 10 bytes" in await disk_has_room(artifacts)
    assert await disk_has_room(artifacts) == ""


async def test_disk__the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = FolderArtifacts(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    assert "256 MiB of the disk" in await disk_has_room(artifacts)


class TwoClocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall = FakeClock()
        self.seconds = 1_000.0
        self.store = MemoryStore(clock=self.wall)
        self.watch = ClockWatch(self.store, clock=self.wall, monotonic_s=lambda: self.seconds)

    def go_on(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.seconds += seconds


async def test_clock__time_that_goes_by_is_no_trouble() -> None:
    clocks = TwoClocks()
    for _ in range(3):
        clocks.go_on(3_600)
        assert await clocks.watch.trouble() == ""


async def test_clock__set_back_is_told_for_a_while() -> None:
    clocks = TwoClocks()
    clocks.go_on(60)
    clocks.wall.advance(-300)
    assert await clocks.watch.trouble() == "the clock went back by 300 s"
    clocks.go_on(TOLD_BACK_S - 1)
    assert "went back" in await clocks.watch.trouble()
    clocks.go_on(1)
    assert await clocks.watch.trouble() == ""


async def test_clock__small_steps_and_steps_ahead_are_none() -> None:
    clocks = TwoClocks()
    clocks.wall.advance(-BACK_S)
    assert await clocks.watch.trouble() == ""
    clocks.wall.advance(3_600)
    assert await clocks.watch.trouble() == ""
    clocks.wall.advance(-60)
    assert "by 60 s" in await clocks.watch.trouble(), "from where it was last"


async def test_clock__behind_the_newest_record_of_a_run_before() -> None:
    clocks = TwoClocks()
    await clocks.store.append_audit(actor="a", action="b", subject="c", detail="{}")
    clocks.wall.advance(-7_200)
    after_a_restart = ClockWatch(
        clocks.store, clock=clocks.wall, monotonic_s=lambda: clocks.seconds
    )
    assert "7200 s behind the newest record" in await after_a_restart.trouble()
    await clocks.store.append_audit(actor="a", action="b", subject="c", detail="{}")
    assert await after_a_restart.trouble() == ""
