"""The probes tell the truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from models.errors import StoreError
from proxy.web.app import TASKS, Tasks
from tests.proxy.web.decided import until
from tests.proxy.web.house import House, open_house


async def test_readyz__ready_after_the_first_poll(house: House) -> None:
    await house.reload()
    answer = await house.get("/readyz")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "status": "ready",
        "checks": {"tasks": True, "store": True, "fetch_record": True},
        "not_ready": {},
    }


async def test_readyz__before_the_first_word_from_the_store(house: House) -> None:
    house.gate._confirmed_at = None
    answer = await house.get("/readyz")
    assert answer.status == 503
    assert json.loads(answer.body)["not_ready"] == {"store": "the store has not answered yet"}


async def test_readyz__store_silent_for_too_long(house: House) -> None:
    await house.reload()
    house.clock.forward(11)
    answer = await house.get("/readyz")
    assert answer.status == 503
    body = json.loads(answer.body)
    assert body["checks"]["store"] is False
    assert body["not_ready"] == {"store": "the store has not answered for 11 s"}
    assert (await house.get("/healthz")).status == 200


async def test_readyz__records_on_local_disk_are_told(house: House) -> None:
    await house.reload()
    house.store.down = True
    assert not await house.gate.poll()
    house.clock.forward(60)
    checks = json.loads((await house.get("/readyz")).body)["checks"]
    assert checks == {"tasks": True, "store": False, "fetch_record": True}


async def fine() -> str:
    return ""


async def not_there() -> str:
    return "nobody listens on the judge's socket"


async def hangs() -> str:
    await asyncio.Event().wait()
    return ""


async def fails() -> str:
    raise StoreError("disk I/O error in /var/lib/pratique")


async def test_readyz__says_by_name_what_is_not_ready_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.web.health.CHECK_S", 0.02)
    checks = {"worker": fine, "judge": not_there, "disk": hangs, "clock": fails}
    async with open_house(tmp_path, checks=checks) as house:
        await house.reload()
        answer = await house.get("/readyz")
        assert answer.status == 503
        body = json.loads(answer.body)
        assert body["status"] == "degraded"
        assert body["checks"]["worker"] is True
        assert body["not_ready"] == {
            "judge": "nobody listens on the judge's socket",
            "disk": "it did not answer in time",
            "clock": "it could not be asked",
        }
        assert (await house.get("/healthz")).status == 200


async def test_probes__a_dead_task_fails_both(house: House) -> None:
    await house.reload()
    house.app[TASKS].start("dies", fine_and_over())
    await until(lambda: not house.app[TASKS].alive())
    assert (await house.get("/healthz")).status == 500
    body = json.loads((await house.get("/readyz")).body)
    assert body["not_ready"] == {"tasks": "a task of the proxy has ended"}


async def fine_and_over() -> None:
    return


async def test_alive__dead_task_is_noticed() -> None:
    async def lives() -> None:
        await asyncio.Event().wait()

    async def dies() -> None:
        raise RuntimeError("by accident")

    tasks = Tasks()
    assert not tasks.alive(), "nothing runs yet"
    tasks.start("lives", lives())
    assert tasks.alive()
    tasks.start("dies", dies())
    await until(lambda: not tasks.alive())
    for task in tasks._tasks:
        task.cancel()
    await tasks.end()
