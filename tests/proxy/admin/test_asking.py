"""Asking and answering: who may, what an exception then binds, and that nobody grants their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.errors import NotAllowed, StoreConflict, UpstreamNotFound, ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.asking import approve, ask, refuse, withdraw
from proxy.store.exceptions_port import OverrideRequest, RequestState, Scope
from proxy.store.memory import MemoryStore
from tests.proxy.web.decided import POLICY, StillClock, held, ref_of, served

DORA = Principal(name="dora", role=Role.REQUESTER)
ADA = Principal(name="ada", role=Role.REVIEWER)
FILE = ref_of("demo-1.0.tar.gz")


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def store(clock: StillClock) -> MemoryStore:
    made = MemoryStore(clock=clock)
    await made.put_decision(held(FILE))
    await made.put_decision(served(ref_of("demo-1.0-py3-none-any.whl")))
    await made.put_decision(served(ref_of("demo-2.0-py3-none-any.whl")))
    return made


async def asked(
    store: MemoryStore,
    clock: StillClock,
    *,
    by: Principal = DORA,
    scope: Scope = Scope.FILE,
    specifier: str = "",
) -> OverrideRequest:
    decision = await store.decision_of(FILE)
    assert decision is not None
    return await ask(
        store,
        by,
        decision.id,
        scope=scope,
        specifier=specifier,
        days=30,
        justification="build is red",
        clock=clock,
    )


@pytest.mark.parametrize(
    ("scope", "specifier", "bound"),
    [
        (Scope.FILE, "", 1),
        (Scope.RELEASE, "", 2),
        (Scope.PROJECT, "", 3),
        (Scope.PROJECT, ">=2", 1),
    ],
)
async def test_approve__binds_the_files_of_now_within_its_scope(
    store: MemoryStore, clock: StillClock, scope: Scope, specifier: str, bound: int
) -> None:
    made = await asked(store, clock, scope=scope, specifier=specifier)
    ended = await approve(store, ADA, made.id, text="fine", policy=POLICY, clock=clock)
    assert (ended.state, ended.decided_by, ended.answer) == (RequestState.APPROVED, "ada", "fine")
    (override,) = await store.overrides()
    assert override.id == ended.override_id
    assert len(override.bound) == bound
    assert not override.future
    assert override.actor == "ada"
    assert "dora" in override.justification


async def test_ask__needs_a_requester_and_something_that_is_not_served(
    store: MemoryStore, clock: StillClock
) -> None:
    with pytest.raises(NotAllowed):
        await asked(store, clock, by=Principal(name="x", role=Role.VIEWER))
    decision = await store.decision_of(FILE)
    assert decision is not None
    with pytest.raises(UpstreamNotFound):
        await ask(
            store,
            DORA,
            "a" * 10,
            scope=Scope.FILE,
            specifier="",
            days=1,
            justification="x",
            clock=clock,
        )
    await store.put_decision(served(FILE))
    with pytest.raises(StoreConflict, match="served by now"):
        await ask(
            store,
            DORA,
            decision.id,
            scope=Scope.FILE,
            specifier="",
            days=1,
            justification="x",
            clock=clock,
        )


async def test_approve__nobody_grants_their_own_where_policy_wants_four_eyes(
    store: MemoryStore, clock: StillClock
) -> None:
    made = await asked(store, clock, by=ADA)
    two = replace(POLICY, four_eyes=True)
    with pytest.raises(NotAllowed, match="somebody else grants"):
        await approve(store, ADA, made.id, text="", policy=two, clock=clock)
    assert await store.overrides() == ()
    other = Principal(name="grace", role=Role.REVIEWER)
    await approve(store, other, made.id, text="", policy=two, clock=clock)
    assert len(await store.overrides()) == 1


async def test_answer__of_two_the_second_is_told_and_a_requester_only_withdraws(
    store: MemoryStore, clock: StillClock
) -> None:
    made = await asked(store, clock)
    with pytest.raises(NotAllowed):
        await approve(store, DORA, made.id, text="", policy=POLICY, clock=clock)
    with pytest.raises(NotAllowed):
        await refuse(store, DORA, made.id, text="no", clock=clock)
    with pytest.raises(NotAllowed):
        await withdraw(store, ADA, made.id, clock=clock)
    with pytest.raises(ValueInvalid):
        await refuse(store, ADA, made.id, text=" ", clock=clock)
    ended = await withdraw(store, DORA, made.id, clock=clock)
    assert ended.state is RequestState.WITHDRAWN
    with pytest.raises(StoreConflict):
        await approve(store, ADA, made.id, text="", policy=POLICY, clock=clock)
    assert await store.overrides() == ()
