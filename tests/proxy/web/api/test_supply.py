"""Workers, feeds and upstreams over the API: trust ends, and a name moves."""

from __future__ import annotations

from pathlib import Path

from models.artifact import IndexName
from proxy.admin.access import Role
from proxy.store.port import TokenKind
from proxy.tokens import mint
from tests.proxy.web.api.test_api import call
from tests.proxy.web.decided import INDEX
from tests.proxy.web.house import DEMO, open_house

OTHER = IndexName("other")


async def test_move__a_name_goes_where_an_admin_says_and_nowhere_else(tmp_path: Path) -> None:
    async with open_house(tmp_path, upstreams=(INDEX, OTHER)) as house:
        ada = await house.token("ada", Role.ADMIN)
        body = {"to": "other", "justification": "we build it ourselves now"}
        assert (await call(house, "POST", "/origins/demo/move", ada, body))[0] == 404
        await house.store.bind_origin(DEMO, INDEX)
        status, told = await call(house, "POST", "/origins/Demo/move", ada, body)
        assert (status, told["was"], told["now"]) == (200, INDEX, OTHER)
        status, told = await call(house, "POST", "/origins/demo/move", ada, body | {"to": "third"})
        assert status == 422
        assert (await call(house, "GET", "/origins/demo", ada))[1]["index"] == OTHER
        assert (await call(house, "GET", "/upstreams", ada))[1] == [INDEX, OTHER]
        status, told = await call(house, "GET", "/moves", ada)
        assert [(one["project"], one["actor"]) for one in told["items"]] == [("demo", "ada")]


async def test_distrust__of_a_worker_is_for_ever_and_of_a_stranger_is_refused(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        ada = await house.token("ada", Role.ADMIN)
        _, token = mint(TokenKind.WORKER, "box-7", clock=house.clock)
        await house.store.add_token(token, actor="test")
        status, told = await call(house, "POST", "/workers/box-7/distrust", ada)
        assert (status, told["count"]) == (200, 0)
        status, told = await call(house, "GET", "/workers", ada)
        assert [one["name"] for one in told if one["distrusted_at"]] == ["box-7"]
        assert (await call(house, "POST", "/workers/nobody/distrust", ada))[0] == 404
        assert (await call(house, "DELETE", "/feeds/nothing", ada))[0] == 404
