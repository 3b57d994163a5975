"""Asking for an exception and answering: who may, what it becomes, what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from msgspec import structs
from packaging.utils import NormalizedName

from models.artifact import Sha256
from models.decision import Action, Decision, HoldKind, Override, OverrideAction, ReasonCode, reason
from models.errors import (
    NotAllowed,
    OverrideInvalid,
    StoreConflict,
    UpstreamNotFound,
    ValueInvalid,
)
from policies.overrides import in_scope
from proxy.admin.access import Principal
from proxy.admin.events import EventKind
from proxy.admin.exceptions import Ask, Exceptions, Terms
from proxy.store.exceptions_port import RequestState, Scope
from proxy.store.memory import MemoryStore
from tests.proxy.admin.people import ADA, CI, DEV, EARS, RITA, ROB, VIEW, heard, policy_of
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_fetch,
    make_override,
    make_ref,
    make_token,
    sha,
    waiting,
)

DAY = timedelta(days=1)
WHY = "the build needs it"
HELD = make_decision(make_ref(), action=Action.HOLD, hold=HoldKind.REVIEW, score=50)
Make = Callable[..., Exceptions]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture
async def store(clock: FakeClock) -> MemoryStore:
    store = MemoryStore(clock=clock)
    await store.put_decision(HELD)
    await store.add_webhook(EARS, actor="test")
    return store


@pytest.fixture
def make(store: MemoryStore, clock: FakeClock) -> Make:
    def made(*, four_eyes: bool = False, **options: object) -> Exceptions:
        policy = replace(policy_of(), four_eyes=four_eyes)
        return Exceptions(
            store,
            policy=lambda: policy,
            clock=clock,
            origin="https://p.test",
            **options,  # type: ignore[arg-type]
        )

    return made


@pytest.fixture
def exceptions(make: Make) -> Exceptions:
    return make()


def ask(decision: Decision = HELD, **changes: object) -> Ask:
    return replace(Ask(decision_id=decision.id, justification=WHY), **changes)  # type: ignore[arg-type]


# -- asking ----------------------------------------------------------------------------------
async def test_request__waits_for_a_reviewer_who_is_told(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    made = await exceptions.request(DEV, ask())
    assert (made.state, made.requester, made.ref) == (RequestState.OPEN, "dev", HELD.ref)
    assert await exceptions.get(VIEW, made.id) == made
    assert [one for _, one in await exceptions.requests(VIEW)] == [made]
    (event,) = await heard(store)
    assert event.kind is EventKind.OVERRIDE_REQUESTED
    assert event.url == f"https://p.test/requests/{made.id}"
    assert WHY in event.sentence


@pytest.mark.parametrize("who", [CI, VIEW])
async def test_request__needs_the_role(exceptions: Exceptions, who: Principal) -> None:
    with pytest.raises(NotAllowed):
        await exceptions.request(who, ask())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"justification": "  "}, "justification"),
        ({"justification": "x" * 2001}, "at most 2000"),
        ({"days": 0}, "1 to"),
        ({"days": 366}, "1 to 365"),
        ({"specifier": ">=1"}, "belongs to"),
        ({"specifier": "nonsense", "scope": Scope.PROJECT}, "no version specifier"),
        ({"specifier": ">=1" + ",>=1" * 60, "scope": Scope.PROJECT}, "no version specifier"),
        ({"specifier": ">=2", "scope": Scope.PROJECT}, "not among"),
    ],
)
async def test_request__without_sense_is_refused(
    exceptions: Exceptions, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueInvalid, match=message):
        await exceptions.request(DEV, replace(ask(), **changes))  # type: ignore[arg-type]
    assert await exceptions.requests(VIEW, state=None) == ()


async def test_request__where_there_is_nothing_to_ask_for_is_refused(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    served, checking = make_decision(make_ref("served")), waiting(make_ref("checking"))
    for decision in (served, checking):
        await store.put_decision(decision)
    with pytest.raises(StoreConflict, match="served by now"):
        await exceptions.request(DEV, ask(served))
    with pytest.raises(StoreConflict, match="being checked"):
        await exceptions.request(DEV, ask(checking))
    with pytest.raises(UpstreamNotFound):
        await exceptions.request(DEV, Ask(decision_id="none", justification=WHY))


async def test_request__goes_by_the_decision_in_force(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    await store.put_decision(make_decision())
    with pytest.raises(StoreConflict, match="served by now"):
        await exceptions.request(DEV, ask())


# -- answering -------------------------------------------------------------------------------
async def test_approve__of_a_file_binds_these_bytes_alone(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    made = await exceptions.request(DEV, ask(days=10))
    done, override = await exceptions.approve(RITA, made.id, Terms(answer="looked at it"))
    assert await store.overrides() == (override,)
    assert (override.sha256, override.bound) == (HELD.ref.sha256, (HELD.ref.sha256,))
    assert (override.actor, override.justification) == ("rita", f"{WHY} (asked for by dev)")
    assert override.expires_at == START + 10 * DAY
    assert (done.state, done.override_id, done.answer) == (
        *(RequestState.APPROVED, override.id, "looked at it"),
    )
    assert in_scope(override, HELD.ref)
    assert not in_scope(override, make_ref(version="2.0"))
    told = (await heard(store))[-1]
    assert (told.kind, dict(told.facts)["override"]) == (EventKind.OVERRIDE_APPROVED, override.id)
    assert dict(told.facts)["decided_by"] == "rita"


@pytest.mark.parametrize(
    ("scope", "specifier", "covered"),
    [
        (Scope.RELEASE, "", {"1.0"}),
        (Scope.PROJECT, "<3", {"1.0", "2.0"}),
        (Scope.PROJECT, "", {"1.0", "2.0", "3.0"}),
    ],
)
async def test_approve__of_more_binds_the_files_that_exist_now(
    exceptions: Exceptions, store: MemoryStore, scope: Scope, specifier: str, covered: set[str]
) -> None:
    refs = {version: make_ref(version=version) for version in ("1.0", "2.0", "3.0")}
    for version in ("2.0", "3.0"):
        await store.put_decision(make_decision(refs[version]))
    made = await exceptions.request(DEV, ask(scope=scope, specifier=specifier))
    _, override = await exceptions.approve(RITA, made.id)
    assert {version for version, ref in refs.items() if in_scope(override, ref)} == covered
    assert not in_scope(override, make_ref(content="uploaded tomorrow"))


async def test_approve__asks_whoever_knows_what_exists(make: Make) -> None:
    asked: list[tuple[str, str]] = []

    async def existing(project: NormalizedName, specifier: str) -> tuple[Sha256, ...]:
        asked.append((project, specifier))
        return (sha("b"), sha("a"), sha("b")) if len(asked) > 1 else ()

    exceptions = make(existing=existing)
    made = await exceptions.request(DEV, ask(scope=Scope.RELEASE))
    with pytest.raises(ValueInvalid, match="let nothing through"):
        await exceptions.approve(RITA, made.id)
    _, override = await exceptions.approve(RITA, made.id)
    assert override.bound == tuple(sorted((sha("a"), sha("b"))))
    assert asked[-1] == ("demo", "==1.0")


async def test_approve__of_two_reviewers_one_wins(exceptions: Exceptions) -> None:
    made = await exceptions.request(DEV, ask())
    outcomes = await asyncio.gather(
        exceptions.approve(RITA, made.id),
        exceptions.refuse(ROB, made.id, "no"),
        return_exceptions=True,
    )
    (lost,) = [one for one in outcomes if isinstance(one, StoreConflict)]
    assert "rita has approved" in lost.message
    assert lost.next_step


@pytest.mark.parametrize("who", [CI, VIEW, DEV])
async def test_answers__need_the_role(exceptions: Exceptions, who: Principal) -> None:
    made = await exceptions.request(DEV, ask())
    with pytest.raises(NotAllowed):
        await exceptions.approve(who, made.id)
    with pytest.raises(NotAllowed):
        await exceptions.refuse(who, made.id, "no")
    with pytest.raises(UpstreamNotFound):
        await exceptions.approve(RITA, "none")


async def test_approve__two_people_where_policy_wants_them(make: Make) -> None:
    strict, lax = make(four_eyes=True), make()
    made = await strict.request(RITA, ask())
    with pytest.raises(NotAllowed, match="two people"):
        await strict.approve(RITA, made.id)
    await strict.approve(ROB, made.id)
    other = await lax.request(RITA, ask(scope=Scope.PROJECT))
    await lax.approve(RITA, other.id)


async def test_approve__never_for_longer_than_policy_lets(exceptions: Exceptions) -> None:
    made = await exceptions.request(DEV, ask())
    for wrong in (START + 366 * DAY, START):
        with pytest.raises(OverrideInvalid, match="expires"):
            await exceptions.approve(RITA, made.id, Terms(expires_at=wrong))
    assert (await exceptions.get(VIEW, made.id)).state is RequestState.OPEN


async def test_approve__reaches_above_a_proof_only_by_an_admins_word(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    proven = replace(
        make_decision(make_ref("bad"), action=Action.DENY, score=0),
        reasons=(reason(ReasonCode.PROOF_KNOWN_MALICIOUS),),
    )
    await store.put_decision(proven)
    made = await exceptions.request(DEV, ask(proven))
    with pytest.raises(ValueInvalid, match="proof"):
        await exceptions.approve(ADA, made.id)
    with pytest.raises(NotAllowed):
        await exceptions.approve(RITA, made.id, Terms(above_proof=True))
    _, override = await exceptions.approve(ADA, made.id, Terms(above_proof=True))
    assert override.above_proof


async def test_refuse__says_why_to_who_asked(exceptions: Exceptions, store: MemoryStore) -> None:
    made = await exceptions.request(DEV, ask())
    with pytest.raises(ValueInvalid):
        await exceptions.refuse(RITA, made.id, " ")
    done = await exceptions.refuse(RITA, made.id, "use 1.1")
    assert (done.state, done.answer) == (RequestState.REFUSED, "use 1.1")
    told = (await heard(store))[-1]
    assert told.kind is EventKind.OVERRIDE_REFUSED
    assert "use 1.1" in told.sentence


async def test_withdraw__is_for_who_asked_and_reviewers_are_told(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    made = await exceptions.request(DEV, ask())
    for other in (RITA, ADA):
        with pytest.raises(NotAllowed):
            await exceptions.withdraw(other, made.id)
    assert (await exceptions.withdraw(DEV, made.id)).state is RequestState.WITHDRAWN
    assert (await heard(store))[-1].kind is EventKind.OVERRIDE_WITHDRAWN


async def test_request__nobody_answers_is_over_by_itself(
    exceptions: Exceptions, clock: FakeClock
) -> None:
    made = await exceptions.request(DEV, ask())
    clock.advance(14 * 86_400)
    assert (await exceptions.get(VIEW, made.id)).state is RequestState.EXPIRED
    with pytest.raises(StoreConflict, match="expired"):
        await exceptions.approve(RITA, made.id)
    await exceptions.request(DEV, ask())


# -- prolonging, uses, what ends soon --------------------------------------------------------
async def test_extend__keeps_the_scope_and_the_files(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    made = await exceptions.request(DEV, ask())
    _, override = await exceptions.approve(RITA, made.id)
    longer = await exceptions.extend(
        ROB, override.id, expires_at=START + 90 * DAY, justification="still needed"
    )
    same = {"id": longer.id, "actor": "rob", "justification": "still needed"}
    assert longer == replace(override, **same, expires_at=START + 90 * DAY)  # type: ignore[arg-type]
    assert await store.overrides(active_at=START) == (longer,)
    with pytest.raises(StoreConflict):
        await exceptions.extend(
            ROB, override.id, expires_at=START + 91 * DAY, justification="once more"
        )


async def test_extend__wants_what_a_new_one_wants(make: Make) -> None:
    exceptions, strict = make(), make(four_eyes=True)
    made = await exceptions.request(RITA, ask())
    _, override = await exceptions.approve(ROB, made.id)

    async def extend(
        by: Principal, days: int, why: str = WHY, by_rule: Exceptions = strict
    ) -> Override:
        return await by_rule.extend(
            by, override.id, expires_at=START + days * DAY, justification=why
        )

    for wrong, error in (
        (extend(DEV, 90), NotAllowed),
        (extend(RITA, 90), NotAllowed),
        (extend(ROB, 366), OverrideInvalid),
        (extend(ROB, 90, why=""), ValueInvalid),
    ):
        with pytest.raises(error):
            await wrong
    with pytest.raises(UpstreamNotFound):
        await strict.extend(ROB, "none", expires_at=START + DAY, justification=WHY)
    await extend(ROB, 90)


async def test_four_eyes__two_tokens_of_one_person_are_one_person(
    make: Make, store: MemoryStore
) -> None:
    laptop = replace(RITA, name="rita-laptop", person="rita@example.test")
    desk = replace(RITA, name="rita-desk", person="Rita@example.test")
    strict = make(four_eyes=True)
    made = await strict.request(laptop, ask())
    assert made.owner == "rita@example.test"
    for same in (laptop, desk):
        with pytest.raises(NotAllowed, match="two people"):
            await strict.approve(same, made.id)
    _, override = await strict.approve(ROB, made.id)
    for same in (laptop, desk):
        with pytest.raises(NotAllowed, match="two people"):
            await strict.extend(same, override.id, expires_at=START + 90 * DAY, justification=WHY)
    assert len(await heard(store)) == 2


async def test_four_eyes__a_name_stands_for_its_person_where_none_is_said(make: Make) -> None:
    strict = make(four_eyes=True)
    made = await strict.request(replace(RITA, name="rita"), ask())
    with pytest.raises(NotAllowed, match="two people"):
        await strict.approve(replace(RITA, name="desk", person="rita"), made.id)


async def test_four_eyes__whoever_had_the_name_that_made_an_override_is_its_person(
    make: Make, store: MemoryStore
) -> None:
    token = replace(make_token("t1", called="rob-phone"), person="rob@example.test")
    await store.add_token(token, actor="test")
    await store.add_override(
        replace(make_override("o1"), action=OverrideAction.ALLOW, actor="rob-phone")
    )
    desk = replace(ROB, name="rob-desk", person="rob@example.test")
    with pytest.raises(NotAllowed, match="two people"):
        await make(four_eyes=True).extend(
            desk, "o1", expires_at=START + 60 * DAY, justification=WHY
        )


async def test_extend__of_what_reaches_above_a_proof_is_an_admins(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    await store.add_override(replace(make_override("o1"), above_proof=True))
    with pytest.raises(NotAllowed):
        await exceptions.extend(ROB, "o1", expires_at=START + 60 * DAY, justification=WHY)


async def test_uses__are_what_was_handed_out_on_its_word(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    allowed = replace(make_decision(), override_id="o1")
    await store.put_decision(allowed)
    await store.record_fetches([structs.replace(make_fetch(), decision_id=allowed.id)])
    found = await exceptions.uses(VIEW, "o1")
    assert (found.fetches, found.by[0].requester) == (1, "laptop")
    with pytest.raises(NotAllowed):
        await exceptions.uses(CI, "o1")


async def test_expiring__is_what_ends_soon_the_next_one_first(
    exceptions: Exceptions, store: MemoryStore
) -> None:
    for key, days in (("o1", 30), ("o2", 7), ("o3", 1)):
        await store.add_override(make_override(key, days=days))
    assert [one.override.id for one in await exceptions.expiring(VIEW)] == ["o3", "o2"]
    far = await exceptions.expiring(VIEW, timedelta(days=30))
    assert [one.override.id for one in far] == ["o3", "o2", "o1"]
