"""Sessions, for both stores alike; and roles and groups of tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import StoreConflict
from proxy.admin.access import Role
from proxy.store.access_port import SESSIONS_PER_TOKEN_MAX, SignedIn
from proxy.store.port import Store
from tests.proxy.store.values import START, FakeClock, make_token


def signed_in(number: int = 1, *, of: str = "t1", hours: int = 12) -> SignedIn:
    begun = START + timedelta(seconds=number)
    return SignedIn(
        hash=f"{number:064x}",
        token_id=of,
        created_at=begun,
        expires_at=begun + timedelta(hours=hours),
    )


async def test_session__is_there_until_it_expires_or_ends(store: Store) -> None:
    one = signed_in()
    await store.begin_session(one)
    assert await store.session(one.hash, as_of=START) == one
    assert await store.session(one.hash, as_of=one.expires_at) is None
    assert await store.session("0" * 64, as_of=START) is None
    await store.end_session(one.hash)
    await store.end_session(one.hash)
    assert await store.session(one.hash, as_of=START) is None


async def test_begin_session__a_hash_is_taken_once(store: Store) -> None:
    await store.begin_session(signed_in())
    with pytest.raises(StoreConflict):
        await store.begin_session(replace(signed_in(), token_id="other"))


async def test_begin_session__the_oldest_of_a_token_give_way(store: Store) -> None:
    other = signed_in(0, of="other")
    await store.begin_session(other)
    begun = [signed_in(number) for number in range(1, SESSIONS_PER_TOKEN_MAX + 3)]
    for one in begun:
        await store.begin_session(one)
    alive = [one for one in begun if await store.session(one.hash, as_of=START)]
    assert alive == begun[2:]
    assert await store.session(other.hash, as_of=START) == other


async def test_begin_session__expired_ones_are_forgotten(store: Store, clock: FakeClock) -> None:
    old = signed_in(1, hours=1)
    await store.begin_session(old)
    clock.advance(2 * 3600)
    await store.begin_session(signed_in(2, of="t2", hours=20))
    assert await store.session(old.hash, as_of=START) is None


async def test_add_token__keeps_role_and_groups_and_says_so(store: Store) -> None:
    token = replace(make_token("t1"), role=Role.REVIEWER, groups=("build", "qa"))
    await store.add_token(token, actor="alice")
    assert await store.tokens() == (token,)
    (row,) = await store.audit()
    assert '"role":"reviewer"' in row.detail
    assert '"groups":["build","qa"]' in row.detail
