"""The probes tell the truth."""

from __future__ import annotations

import json

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
