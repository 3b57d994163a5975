"""What reviewers do: one of two wins, policy has its say, and every act names who and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from models.artifact import parse_project
from models.decision import Decision, HoldKind, OverrideAction
from models.errors import (
    NotAllowed,
    OverrideInvalid,
    PratiqueError,
    StoreConflict,
    UpstreamNotFound,
    ValueInvalid,
)
from proxy.admin.access import Principal, Role
from proxy.admin.review import Verdict, add_exception, decide_held, end_exception
from proxy.store.memory import MemoryStore
from tests.proxy.web.decided import POLICY, StillClock, held, ref_of, served

ADA = Principal(name="ada", role=Role.REVIEWER)
GRACE = Principal(name="grace", role=Role.REVIEWER)
YES = Verdict(action=OverrideAction.ALLOW, justification="known vendor", days=30)
NO = Verdict(action=OverrideAction.DENY, justification="no use for it", days=30)


async def held_file(store: MemoryStore, filename: str = "demo-1.0.tar.gz") -> Decision:
    decision = held(ref_of(filename))
    await store.put_decision(decision)
    return decision


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store(clock: StillClock) -> MemoryStore:
    return MemoryStore(clock=clock)


async def test_decide_held__an_approval_binds_that_file_and_says_who_and_why(
    store: MemoryStore, clock: StillClock
) -> None:
    decision = await held_file(store)
    made = await decide_held(store, ADA, decision.id, YES, policy=POLICY, clock=clock)
    assert (made.actor, made.justification, made.action) == (
        "ada",
        "known vendor",
        OverrideAction.ALLOW,
    )
    assert made.bound == (decision.ref.sha256,)
    assert not made.future
    assert not made.above_proof
    assert (made.expires_at - made.created_at).days == 30
    assert await store.overrides() == (made,)
    assert (await store.audit())[0].actor == "ada"


async def test_decide_held__a_release_is_its_files_of_now(
    store: MemoryStore, clock: StillClock
) -> None:
    decision = await held_file(store)
    other = served(ref_of("demo-1.0-py3-none-any.whl"))
    await store.put_decision(other)
    await store.put_decision(served(ref_of("demo-2.0-py3-none-any.whl")))
    said = Verdict(action=OverrideAction.ALLOW, justification="x", days=1, whole_release=True)
    made = await decide_held(store, ADA, decision.id, said, policy=POLICY, clock=clock)
    assert made.specifier == "==1.0"
    assert set(made.bound) == {decision.ref.sha256, other.ref.sha256}


async def test_decide_held__of_two_reviewers_at_once_one_wins_and_the_other_is_told(
    store: MemoryStore, clock: StillClock
) -> None:
    decision = await held_file(store)

    async def decides(who: Principal, said: Verdict) -> str:
        try:
            made = await decide_held(store, who, decision.id, said, policy=POLICY, clock=clock)
        except StoreConflict as error:
            return error.message
        return made.actor

    told = await asyncio.gather(decides(ADA, YES), decides(GRACE, NO))
    assert told[0] == "ada"
    assert "ada has approved it already" in told[1]
    assert "known vendor" in told[1]
    assert len(await store.overrides()) == 1


class Late(MemoryStore):
    """A store in which everybody who looks sees nobody before them: the write must decide."""

    blind = True

    async def overrides(self, **asked: object) -> tuple[object, ...]:  # type: ignore[override]
        if self.blind:
            self.blind = False
            return ()
        return await super().overrides(**asked)  # type: ignore[arg-type]


async def test_decide_held__who_looked_in_time_and_wrote_too_late_is_told(
    clock: StillClock,
) -> None:
    store = Late(clock=clock)
    decision = await held_file(store)
    await decide_held(store, ADA, decision.id, YES, policy=POLICY, clock=clock)
    store.blind = True
    with pytest.raises(StoreConflict, match="ada has approved it already"):
        await decide_held(store, GRACE, decision.id, NO, policy=POLICY, clock=clock)


@pytest.mark.parametrize("role", [Role.INSTALLER, Role.VIEWER, Role.REQUESTER])
async def test_decide_held__needs_a_reviewer(
    store: MemoryStore, clock: StillClock, role: Role
) -> None:
    decision = await held_file(store)
    with pytest.raises(NotAllowed):
        await decide_held(
            store, Principal(name="x", role=role), decision.id, YES, policy=POLICY, clock=clock
        )
    assert await store.overrides() == ()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Verdict(action=OverrideAction.ALLOW, justification=" ", days=1), ValueInvalid),
        (Verdict(action=OverrideAction.ALLOW, justification="x" * 2001, days=1), ValueInvalid),
        (Verdict(action=OverrideAction.ALLOW, justification="x", days=0), ValueInvalid),
        (Verdict(action=OverrideAction.ALLOW, justification="x", days=4_000), ValueInvalid),
        (Verdict(action=OverrideAction.ALLOW, justification="x", days=366), OverrideInvalid),
    ],
)
async def test_decide_held__what_policy_or_form_forbids_changes_nothing(
    store: MemoryStore, clock: StillClock, said: Verdict, error: type[PratiqueError]
) -> None:
    decision = await held_file(store)
    with pytest.raises(error):
        await decide_held(store, ADA, decision.id, said, policy=POLICY, clock=clock)
    assert await store.overrides() == ()


async def test_decide_held__where_policy_wants_four_eyes_nobody_approves_alone(
    store: MemoryStore, clock: StillClock
) -> None:
    two = replace(POLICY, four_eyes=True)
    decision = await held_file(store)
    with pytest.raises(NotAllowed, match="another grants it"):
        await decide_held(store, ADA, decision.id, YES, policy=two, clock=clock)
    made = await decide_held(store, ADA, decision.id, NO, policy=two, clock=clock)
    assert await store.overrides() == (made,)


async def test_decide_held__only_what_is_held_for_review_now(
    store: MemoryStore, clock: StillClock
) -> None:
    with pytest.raises(UpstreamNotFound):
        await decide_held(store, ADA, "aaaaaaaaaa", YES, policy=POLICY, clock=clock)
    unseen = held(ref_of("demo-3.0.tar.gz"), HoldKind.ANALYSIS)
    await store.put_decision(unseen)
    old = await held_file(store)
    await store.put_decision(served(old.ref))
    for decision, words in ((unseen, "does not wait"), (old, "not in force")):
        with pytest.raises(StoreConflict, match=words):
            await decide_held(store, ADA, decision.id, YES, policy=POLICY, clock=clock)


async def test_end_exception__the_second_is_told_who_was_first(
    store: MemoryStore, clock: StillClock
) -> None:
    made = await add_exception(
        store,
        ADA,
        action=OverrideAction.DENY,
        project=parse_project("demo"),
        specifier=">=2",
        sha256=None,
        bound=(),
        future=False,
        justification="x",
        days=3,
        policy=POLICY,
        clock=clock,
    )
    assert (await end_exception(store, ADA, made.id, clock=clock)).revoked_by == "ada"
    with pytest.raises(StoreConflict, match="ada has ended it already"):
        await end_exception(store, GRACE, made.id, clock=clock)
