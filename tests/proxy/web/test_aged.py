"""A page says how old upstream's word is, on every way that it goes out, and its tag never does."""

from __future__ import annotations

import pytest

from proxy.index.freshness import Freshness, Trouble
from proxy.web.aged import AGE_UNKNOWN, aged_by
from proxy.web.ready import JOINED_BYTES_MAX
from tests.proxy.web.house import House

WHEEL = "demo-1.0-py3-none-any.whl"
PAGE = "/simple/demo/"
JSON = "application/vnd.pypi.simple.v1+json"
FRESH = Freshness(age_s=12, ttl_s=588, trouble=None)
STALE = Freshness(age_s=720, ttl_s=-120, trouble=Trouble.FAILED)
SAID = "pratique; hit; ttl=-120; detail=upstream-failed"


@pytest.mark.parametrize("accept", [JSON, "text/html"])
async def test_page__tells_its_age_and_keeps_its_tag(house: House, accept: str) -> None:
    house.upstream.publish(WHEEL, b"one")
    tags = set()
    for fresh in (FRESH, STALE):
        house.upstream.fresh["demo"] = fresh
        for method in ("GET", "HEAD"):
            answer = await house.get(PAGE, method=method, Accept=accept)
            assert answer.status == 200
            assert answer.headers.getall("Age") == [str(fresh.age_s)]
            assert answer.headers.get("Cache-Status") == (SAID if fresh is STALE else None)
            tags.add(answer.headers["ETag"])
    assert len(tags) == 1


async def test_page__a_304_tells_its_age(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    house.upstream.fresh["demo"] = FRESH
    tag = (await house.get(PAGE, Accept=JSON)).headers["ETag"]
    house.upstream.fresh["demo"] = STALE
    again = await house.get(PAGE, Accept=JSON, If_None_Match=tag)
    assert (again.status, again.headers["Age"], again.headers["Cache-Status"]) == (304, "720", SAID)
    house.upstream.fresh["demo"] = FRESH
    back = await house.get(PAGE, Accept=JSON, If_None_Match=tag)
    assert (back.status, back.headers["Age"]) == (304, "12")
    assert "Cache-Status" not in back.headers


async def test_page__large_one_and_one_over_http_1_0_tell_their_age(house: House) -> None:
    house.upstream.fresh["demo"] = STALE
    house.upstream.publish(WHEEL, b"one")
    plain = await house.raw(
        f"GET {PAGE} HTTP/1.0\r\nAuthorization: {_auth(house)}\r\n\r\n".encode()
    )
    assert plain.startswith(b"HTTP/1.0 200")
    assert b"\r\nAge: 720\r\n" in plain
    long = "x" * 200
    for number in range(JOINED_BYTES_MAX // 200):
        house.upstream.publish(f"demo-{number}.0+{long}-py3-none-any.whl", str(number).encode())
    answer = await house.get(PAGE, Accept=JSON, Accept_Encoding="identity")
    assert len(answer.body) > JOINED_BYTES_MAX
    assert (answer.headers["Age"], answer.headers["Cache-Status"]) == ("720", SAID)


async def test_page__of_an_age_that_nobody_knows_says_nothing(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    assert "Age" not in (await house.get(PAGE, Accept=JSON)).headers


async def test_page__that_is_stale_is_counted_with_its_age(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    for fresh in (FRESH, STALE, STALE):
        house.upstream.fresh["demo"] = fresh
        await house.get(PAGE, Accept=JSON)
    text = house.door.metrics.exposition("")[0].decode()
    assert 'pratique_stale_page_age_seconds_count{detail="upstream-failed"} 2.0' in text
    assert 'pratique_stale_page_age_seconds_sum{detail="upstream-failed"} 1440.0' in text


async def test_readyz__is_not_touched_by_stale_pages(house: House) -> None:
    house.upstream.publish(WHEEL, b"one")
    before = await house.get("/readyz")
    house.upstream.fresh["demo"] = STALE
    await house.get(PAGE, Accept=JSON)
    after = await house.get("/readyz")
    assert (after.status, after.body) == (before.status, before.body)


def test_aged_by__one_age_is_one_object() -> None:
    assert aged_by(FRESH) is aged_by(Freshness(age_s=12, ttl_s=3, trouble=None))
    assert aged_by(None) is AGE_UNKNOWN


def _auth(house: House) -> str:
    return house.session.headers["Authorization"]
