"""A table of cases over the API: each is told, and mistakes of either text are."""

from __future__ import annotations

from pathlib import Path

from proxy.admin.access import Role
from tests.proxy.web.api.test_api import call
from tests.proxy.web.house import open_house

CASES = """
[[case]]
name = "a proof is denied"
project = "demo"
advisories = ["malicious"]
expect = "deny"

[[case]]
name = "a proof is served"
project = "demo"
advisories = ["malicious"]
expect = "serve"
"""


async def test_cases__are_told_one_by_one_and_mistakes_are_named(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        vic = await house.token("vic", Role.VIEWER)
        body = {"text": 'mode = "enforce"\n', "cases": CASES}
        status, told = await call(house, "POST", "/policy/test", vic, body)
        assert status == 200, told
        assert [(one["found"], one["passed"]) for one in told] == [("deny", True), ("deny", False)]
        status, told = await call(house, "POST", "/policy/test", vic, body | {"cases": "x = 1"})
        assert status == 422
        assert "[[case]]" in told["detail"]


async def test_grandfather__allows_pinned_bytes_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ada = await house.token("ada", Role.ADMIN)
        lock = {"name": "requirements.txt", "text": f"demo==1.0 --hash=sha256:{'a' * 64}\n"}
        body = {"locks": [lock], "days": 30}
        status, told = await call(house, "POST", "/grandfather", ada, body | {"dry_run": True})
        assert (status, told["files"]) == (200, 1)
        assert await house.store.overrides() == ()
        status, told = await call(house, "POST", "/grandfather", ada, body)
        assert (status, told["files"], len(told["overrides"])) == (200, 1, 1)
        status, told = await call(house, "POST", "/grandfather", ada, body)
        assert (told["files"], told["covered"]) == (0, 1)
        (made,) = await house.store.overrides()
        longer = {"justification": "not done yet", "days": 60}
        status, told = await call(house, "POST", f"/overrides/{made.id}/extend", ada, longer)
        assert status == 201, told
        status, told = await call(house, "GET", "/expiring?days=90", ada)
        assert [one["override"]["justification"] for one in told] == ["not done yet"]
