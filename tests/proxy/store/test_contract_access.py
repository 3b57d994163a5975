"""Sessions, for both stores alike; and roles and groups of tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import NotAllowed, StoreConflict
from proxy.admin.access import Role
from proxy.store.access_port import SESSIONS_PER_TOKEN_MAX, SETUP_LINKS_MAX, SetupLink, SignedIn
from proxy.store.port import Store, Token
from tests.proxy.store.conftest import Opener
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


async def test_add_token__keeps_the_person_and_says_so(opener: Opener) -> None:
    token = replace(make_token("t1"), person="rita@example.test")
    await opener().add_token(token, actor="alice")
    assert await opener().tokens() == (token,)
    (row,) = await opener().audit()
    assert '"person":"rita@example.test"' in row.detail


# -- the last admin ------------------------------------------------------------------------------
def admin(key: str, **changes: object) -> Token:
    token = replace(make_token(key, called=f"admin-{key}"), role=Role.ADMIN)
    return replace(token, **changes)  # type: ignore[arg-type]


async def test_revoke_token__keeps_the_last_admin_where_it_is_asked_to(store: Store) -> None:
    await store.add_token(admin("t1"), actor="a")
    await store.add_token(admin("t2"), actor="a")
    await store.add_token(make_token("t3"), actor="a")
    await store.revoke_token("t3", actor="a", at=START, keep_admin=True)
    await store.revoke_token("t2", actor="a", at=START, keep_admin=True)
    rows = await store.audit()
    with pytest.raises(StoreConflict, match="last admin"):
        await store.revoke_token("t1", actor="a", at=START, keep_admin=True)
    assert await store.audit() == rows
    assert (await store.revoke_token("t1", actor="a", at=START)).revoked_at == START


async def test_revoke_token__an_admin_whose_token_has_expired_by_now_is_none(
    store: Store, clock: FakeClock
) -> None:
    await store.add_token(admin("t1"), actor="a")
    await store.add_token(admin("t2", expires_at=START + timedelta(hours=1)), actor="a")
    clock.advance(3600)
    with pytest.raises(StoreConflict, match="last admin"):
        await store.revoke_token("t1", actor="a", at=START, keep_admin=True)
    assert (await store.revoke_token("t2", actor="a", at=clock(), keep_admin=True)).revoked_at


# -- how the first admin gets in -----------------------------------------------------------------
LINK = SetupLink(hash="a" * 64, expires_at=START + timedelta(minutes=15))


async def test_use_setup__works_once_in_any_process(opener: Opener) -> None:
    await opener().offer_setup(LINK)
    await opener().offer_setup(replace(LINK, hash="b" * 64))
    other = opener()
    assert await other.setup_offered(LINK.hash, as_of=START)
    assert not await other.setup_offered("c" * 64, as_of=START)
    await other.use_setup(LINK.hash, admin("t1"), actor="setup", at=START)
    with pytest.raises(StoreConflict, match="an admin already"):
        await opener().use_setup("b" * 64, admin("t2"), actor="setup", at=START)
    await opener().revoke_token("t1", actor="a", at=START)
    for spent in (LINK.hash, "b" * 64):
        with pytest.raises(NotAllowed):
            await opener().use_setup(spent, admin("t3"), actor="setup", at=START)
    assert [one.id for one in await opener().tokens()] == ["t1"]


async def test_use_setup__not_after_its_time_and_not_for_a_token_that_cannot_be(
    store: Store, clock: FakeClock
) -> None:
    await store.offer_setup(LINK)
    await store.add_token(make_token("t1"), actor="a")
    with pytest.raises(StoreConflict):
        await store.use_setup(LINK.hash, admin("t1"), actor="setup", at=START)
    assert await store.setup_offered(LINK.hash, as_of=START)
    clock.advance(15 * 60)
    assert not await store.setup_offered(LINK.hash, as_of=clock())
    with pytest.raises(NotAllowed):
        await store.use_setup(LINK.hash, admin("t2"), actor="setup", at=START)


async def test_offer_setup__few_are_kept(store: Store) -> None:
    for number in range(SETUP_LINKS_MAX + 2):
        ends = LINK.expires_at + timedelta(seconds=number)
        await store.offer_setup(SetupLink(hash=f"{number:064x}", expires_at=ends))
    offered = [
        await store.setup_offered(f"{n:064x}", as_of=START) for n in range(SETUP_LINKS_MAX + 2)
    ]
    assert offered == [False] * 2 + [True] * SETUP_LINKS_MAX
