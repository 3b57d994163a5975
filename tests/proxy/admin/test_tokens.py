"""Tokens in an admin's hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.errors import NotAllowed, StoreConflict, ValueInvalid
from proxy.admin.access import Principal, Role, at_the_machine
from proxy.admin.tokens import create_token, list_tokens, revoke_token
from proxy.store.memory import MemoryStore
from proxy.store.port import TokenKind
from proxy.store.sqlite import SqliteStore
from proxy.tokens import GROUPS_MAX, hash_secret, principal_of
from tests.proxy.store.values import FakeClock

ADMIN = at_the_machine("alice")
REVIEWER = Principal(name="rita", role=Role.REVIEWER)


@pytest.fixture(name="store")
def _store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


async def test_create_token__keeps_the_hash_and_who_made_it(
    store: MemoryStore, clock: FakeClock
) -> None:
    secret, token = await create_token(
        store, ADMIN, name="rita", role=Role.REVIEWER, groups=("qa", "qa"), clock=clock
    )
    assert token.hash == hash_secret(secret)
    assert token.groups == ("qa",)
    assert await list_tokens(store, ADMIN) == (token,)
    assert [(row.action, row.actor) for row in await store.audit()] == [("token_added", "alice")]


@pytest.mark.parametrize(
    "groups",
    [
        ("Upper",),
        ("with space",),
        ("",),
        ("x" * 41,),
        tuple(f"g{n}" for n in range(GROUPS_MAX + 1)),
    ],
)
async def test_create_token__groups_are_plain_and_few(
    store: MemoryStore, clock: FakeClock, groups: tuple[str, ...]
) -> None:
    with pytest.raises(ValueInvalid):
        await create_token(store, ADMIN, name="x", groups=groups, clock=clock)
    assert await store.tokens() == ()


async def test_create_token__a_worker_has_no_role(store: MemoryStore, clock: FakeClock) -> None:
    with pytest.raises(ValueInvalid, match="role"):
        await create_token(
            store, ADMIN, name="pi", kind=TokenKind.WORKER, role=Role.ADMIN, clock=clock
        )


async def test_tokens__are_the_admins_alone(store: MemoryStore, clock: FakeClock) -> None:
    with pytest.raises(NotAllowed):
        await create_token(store, REVIEWER, name="x", role=Role.ADMIN, clock=clock)
    with pytest.raises(NotAllowed):
        await list_tokens(store, REVIEWER)
    with pytest.raises(NotAllowed):
        await revoke_token(store, REVIEWER, "x", clock=clock)
    assert await store.audit() == ()


async def test_revoke_token__the_last_admin_stays_unless_it_is_meant(
    store: MemoryStore, clock: FakeClock
) -> None:
    for name in ("alice", "bob"):
        await create_token(store, ADMIN, name=name, role=Role.ADMIN, clock=clock)
    await revoke_token(store, ADMIN, "bob", clock=clock)
    with pytest.raises(StoreConflict, match="last admin"):
        await revoke_token(store, ADMIN, "alice", clock=clock)
    await revoke_token(store, ADMIN, "alice", clock=clock, last_admin=True)
    assert not any(token.active(clock()) for token in await store.tokens())


async def test_revoke_token__of_two_admins_who_end_each_other_at_once_one_stays(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = SqliteStore.open(tmp_path / "pratique.sqlite3", clock=clock)
    try:
        for name in ("alice", "bob"):
            await create_token(store, ADMIN, name=name, role=Role.ADMIN, clock=clock)
        alice, bob = (Principal(name=name, role=Role.ADMIN) for name in ("alice", "bob"))
        outcomes = await asyncio.gather(
            revoke_token(store, alice, "bob", clock=clock),
            revoke_token(store, bob, "alice", clock=clock),
            return_exceptions=True,
        )
        assert sum(isinstance(one, StoreConflict) for one in outcomes) == 1
        assert sum(token.active(clock()) for token in await store.tokens()) == 1
    finally:
        await store.close()


async def test_create_token__says_whose_it_is(store: MemoryStore, clock: FakeClock) -> None:
    _, token = await create_token(
        store, ADMIN, name="rita-desk", role=Role.REVIEWER, person="  Rita  Roe ", clock=clock
    )
    assert (token.person, token.owner) == ("Rita Roe", "Rita Roe")
    assert principal_of(token).owner == "Rita Roe"
    _, other = await create_token(store, ADMIN, name="rita", clock=clock)
    assert (other.person, other.owner) == ("", "rita")


@pytest.mark.parametrize("person", ["x" * 65, "r\u00efta", "a\x07b"])
async def test_create_token__a_person_is_named_plainly(
    store: MemoryStore, clock: FakeClock, person: str
) -> None:
    with pytest.raises(ValueInvalid):
        await create_token(store, ADMIN, name="x", person=person, clock=clock)
