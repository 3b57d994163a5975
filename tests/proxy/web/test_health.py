"""The probes tell the truth."""

from __future__ import annotations

import asyncio
import json

from proxy.web.app import Tasks
from tests.proxy.web.decided import until
from tests.proxy.web.house import House


async def test_readyz__ready_after_the_first_poll(house: House) -> None:
    await house.reload()
    answer = await house.get("/readyz")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "status": "ready",
        "checks": {"tasks": True, "store": True, "fetch_record": True},
    }


async def test_readyz__store_silent_for_too_long(house: House) -> None:
    await house.reload()
    house.clock.forward(11)
    answer = await house.get("/readyz")
    assert answer.status == 503
    assert json.loads(answer.body)["checks"]["store"] is False
    assert (await house.get("/healthz")).status == 200


async def test_readyz__records_on_local_disk_are_told(house: House) -> None:
    await house.reload()
    house.store.down = True
    assert not await house.gate.poll()
    house.clock.forward(60)
    checks = json.loads((await house.get("/readyz")).body)["checks"]
    assert checks == {"tasks": True, "store": False, "fetch_record": True}


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
