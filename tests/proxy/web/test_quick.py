"""A remembered route is the one that aiohttp would have found; all else goes its way."""

from __future__ import annotations

import pytest
from aiohttp import web

from proxy.web.quick import Quick
from tests.proxy.web.decided import served
from tests.proxy.web.house import House, path_of

WHEEL = "demo-1.0-py3-none-any.whl"


async def test_quick__the_second_answer_is_as_the_first(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for path in (path_of(ref), "/simple/demo/", "/simple/Demo/", path_of(ref) + "x"):
        first, second = await house.get(path), await house.get(path)
        assert (second.status, second.body) == (first.status, first.body), path


async def test_quick__a_method_has_its_own_way(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for _ in range(2):
        assert (await house.get(path_of(ref))).body == b"data"
        assert (await house.get(path_of(ref), method="HEAD")).body == b""
        assert (await house.get(path_of(ref), method="DELETE")).status == 405


async def test_quick__a_query_is_no_part_of_what_is_remembered(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for hop in ("?hop=1", "?hop=2", ""):
        assert (await house.get(path_of(ref) + hop)).body == b"data"


async def test_quick__expect_is_answered_each_time(house: House) -> None:
    ref = house.upstream.publish(WHEEL, b"data")
    await house.decide(served(ref))
    for _ in range(2):
        assert (await house.get(path_of(ref), Expect="100-continue")).body == b"data"
        assert (await house.get(path_of(ref), Expect="something")).status == 417


async def _never(_: web.BaseRequest) -> web.StreamResponse:
    raise NotImplementedError


async def test_quick__middlewares_would_be_passed_by() -> None:
    app = web.Application(middlewares=[web.normalize_path_middleware()])
    with pytest.raises(ValueError, match="Middlewares"):
        Quick(app, _never)
