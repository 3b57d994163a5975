"""Webhooks over the API: a test that arrives nowhere says so; dead letters are listed and retried."""

from __future__ import annotations

from pathlib import Path

from proxy.admin.access import Role
from tests.proxy.web.api.test_api import call
from tests.proxy.web.house import open_house


async def test_webhook__is_tried_at_once_and_names_what_went_wrong(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ada = await house.token("ada", Role.ADMIN)
        # Port 9 discards, where anybody listens there at all.
        body = {"name": "chat", "url": "http://127.0.0.1:9/hook", "allow_private": True}
        assert (await call(house, "POST", "/webhooks", ada, body))[0] == 201
        status, told = await call(house, "POST", "/webhooks/chat/test", ada)
        assert status == 200
        assert told["error"]
        assert (await call(house, "POST", "/webhooks/none/test", ada))[0] == 404
        assert await call(house, "GET", "/dead-letters", ada) == (200, [])
        assert await call(house, "POST", "/dead-letters/retry", ada, {}) == (200, {"count": 0})
        status, told = await call(house, "POST", "/dead-letters/retry", ada, {"numbers": [7]})
        assert status == 404
