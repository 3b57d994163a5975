"""The port's contract: requests for overrides, prolonging them, their uses, reminders."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from models.artifact import ArtifactRef
from models.decision import Action, Override
from models.errors import Overloaded, StoreConflict, StoreError, ValueInvalid
from proxy.store import requests as rules
from proxy.store.exceptions_port import (
    JUSTIFICATION_CHARS_MAX,
    Answer,
    OverrideRequest,
    OverrideUses,
    RequestState,
    Scope,
    Use,
)
from proxy.store.port import Store
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_fetch,
    make_override,
    make_ref,
)

DAY = timedelta(days=1)


def make_request(
    key: str = "q1",
    *,
    ref: ArtifactRef | None = None,
    requester: str = "dev",
    specifier: str = "",
    justification: str = "needed for the build",
) -> OverrideRequest:
    return OverrideRequest(
        id=key,
        decision_id="abcdefghij",
        ref=ref or make_ref(),
        scope=Scope.PROJECT if specifier else Scope.FILE,
        specifier=specifier,
        days=30,
        justification=justification,
        requester=requester,
        created_at=START,
        expires_at=START + 14 * DAY,
    )


def answer(
    state: RequestState = RequestState.APPROVED, *, by: str = "rita", text: str = "read it"
) -> Answer:
    return Answer(state=state, by=by, at=START + DAY, text=text)


async def test_add_request__is_kept_and_audited(store: Store) -> None:
    await store.add_request(make_request())
    assert await store.request("q1") == (1, make_request())
    assert await store.request("q2") is None
    (row,) = await store.audit()
    assert (row.actor, row.action, row.subject) == ("dev", "override_requested", "q1")
    assert "needed for the build" in row.detail


async def test_add_request__the_same_again_is_a_conflict_that_names_it(store: Store) -> None:
    await store.add_request(make_request())
    with pytest.raises(StoreConflict, match="q1"):
        await store.add_request(make_request("q2"))
    with pytest.raises(StoreConflict):
        await store.add_request(make_request(requester="other"))
    await store.add_request(make_request("q3", requester="other"))
    await store.add_request(make_request("q4", specifier=">=2"))
    await store.end_request("q1", answer(RequestState.WITHDRAWN, by="dev"))
    await store.add_request(make_request("q5"))
    assert [one.id for _, one in await store.requests()] == ["q5", "q4", "q3", "q1"]


async def test_add_request__is_bounded_for_each_and_in_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "OPEN_PER_REQUESTER_MAX", 1)
    monkeypatch.setattr(rules, "OPEN_REQUESTS_MAX", 2)
    await store.add_request(make_request("q1"))
    with pytest.raises(Overloaded, match="You have 1"):
        await store.add_request(make_request("q2", ref=make_ref("other")))
    await store.add_request(make_request("q3", requester="b"))
    with pytest.raises(Overloaded, match="2 requests wait"):
        await store.add_request(make_request("q4", requester="c"))
    later = replace(make_request("q5"), created_at=START + 15 * DAY, expires_at=START + 20 * DAY)
    await store.add_request(later)


async def test_add_request__that_is_over_before_it_begins_is_refused(store: Store) -> None:
    for wrong in (
        replace(make_request(), expires_at=START),
        replace(make_request(), state=RequestState.APPROVED),
    ):
        with pytest.raises(ValueInvalid):
            await store.add_request(wrong)
    assert await store.audit() == ()


async def test_add_request__a_hostile_text_is_cut_and_made_storable(store: Store) -> None:
    await store.add_request(make_request(justification="\ud800" * JUSTIFICATION_CHARS_MAX))
    found = await store.request("q1")
    assert found is not None
    assert len(found[1].justification) == JUSTIFICATION_CHARS_MAX


async def test_requests__by_state_by_person_and_in_pages(store: Store, clock: FakeClock) -> None:
    for number in range(4):
        await store.add_request(make_request(f"q{number}", ref=make_ref(version=f"{number}.0")))
    await store.add_request(make_request("other", requester="eve"))
    await store.end_request("q0", answer(RequestState.REFUSED))
    assert [one.id for _, one in await store.requests(state=RequestState.OPEN)] == [
        *("other", "q3", "q2", "q1")
    ]
    (refused,) = await store.requests(state=RequestState.REFUSED)
    assert (refused[0], refused[1].id, refused[1].answer) == (1, "q0", "read it")
    page = await store.requests(requester="dev", limit=2)
    assert [number for number, _ in page] == [4, 3]
    assert [number for number, _ in await store.requests(before=3, limit=9)] == [2, 1]
    clock.advance(14 * 86_400)
    assert await store.requests(state=RequestState.OPEN) == ()
    assert len(await store.requests(state=RequestState.EXPIRED)) == 4
    assert await store.requests(state=RequestState.APPROVED) == ()


async def test_approve_request__makes_the_override_in_the_same_step(store: Store) -> None:
    await store.add_request(make_request())
    done = await store.approve_request("q1", make_override("o1"), answer())
    assert (done.state, done.decided_by, done.override_id) == (RequestState.APPROVED, "rita", "o1")
    assert await store.request("q1") == (1, done)
    assert await store.overrides() == (make_override("o1"),)
    assert await store.request_behind("o1") == done
    actions = [row.action for row in await store.audit()]
    assert actions == ["override_request_approved", "override_added", "override_requested"]


async def test_approve_request__of_two_reviewers_one_wins_and_the_other_is_told(
    opener: Opener,
) -> None:
    first, second = opener(), opener()
    await first.add_request(make_request())
    outcomes = await asyncio.gather(
        first.approve_request("q1", make_override("o1"), answer(by="rita")),
        second.approve_request("q1", make_override("o2"), answer(by="rob")),
        return_exceptions=True,
    )
    (won,) = [one for one in outcomes if isinstance(one, OverrideRequest)]
    (lost,) = [one for one in outcomes if isinstance(one, StoreConflict)]
    assert f"{won.decided_by} has approved the request q1 already" in lost.message
    assert [one.id for one in await first.overrides()] == [won.override_id]


async def test_approve_request__that_fails_leaves_it_open(store: Store) -> None:
    await store.add_request(make_request())
    await store.add_override(make_override("o1"))
    with pytest.raises(StoreConflict):
        await store.approve_request("q1", make_override("o1", project="else"), answer())
    nonsense = replace(make_override("o2"), project=None)
    with pytest.raises(ValueInvalid):
        await store.approve_request("q1", nonsense, answer())
    found = await store.request("q1")
    assert found is not None
    assert found[1].state is RequestState.OPEN


async def test_end_request__unknown_or_over_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no request"):
        await store.end_request("q1", answer(RequestState.REFUSED))
    await store.add_request(make_request())
    late = replace(answer(RequestState.REFUSED), at=START + 14 * DAY)
    with pytest.raises(StoreConflict, match="expired"):
        await store.end_request("q1", late)
    await store.end_request("q1", answer(RequestState.REFUSED))
    with pytest.raises(StoreConflict, match="rita has refused"):
        await store.approve_request("q1", make_override(), answer())
    assert await store.overrides() == ()


async def test_extend_override__takes_the_place_of_the_other(store: Store) -> None:
    await store.add_request(make_request())
    done = await store.approve_request("q1", make_override("o1"), answer())
    generation = await store.generation()
    await store.put_decision(make_decision())
    longer = replace(make_override("o2", days=60), actor="rob", created_at=START + DAY)
    await store.extend_override("o1", longer, at=START + DAY)
    assert await store.overrides(active_at=START + DAY) == (longer,)
    assert await store.generation() > generation + 1
    assert await store.request_behind("o2") == done
    assert (await store.audit())[0].action == "override_extended"


async def test_extend_override__of_what_is_over_is_refused(store: Store) -> None:
    longer = make_override("o2", days=60)
    with pytest.raises(StoreError, match="no override"):
        await store.extend_override("o1", longer, at=START)
    await store.add_override(make_override("o1", days=1))
    with pytest.raises(StoreConflict, match="not in force"):
        await store.extend_override("o1", longer, at=START + DAY)
    await store.extend_override("o1", longer, at=START)
    with pytest.raises(StoreConflict, match="already"):
        await store.extend_override("o1", make_override("o3"), at=START)
    assert [one.id for one in await store.overrides(active_at=START)] == ["o2"]
    assert await store.request_behind("o2") is None


async def test_override_uses__counts_what_its_decisions_handed_out(store: Store) -> None:
    made = replace(make_decision(), override_id="o1")
    other = make_decision(make_ref("other"))
    again = replace(made, as_of=START + DAY)
    for decision in (made, other, again):
        await store.put_decision(decision)
    fetch = make_fetch()
    await store.record_fetches(
        [
            structs.replace(fetch, decision_id=made.id),
            structs.replace(fetch, decision_id=again.id, at=START + DAY),
            structs.replace(
                fetch, decision_id=again.id, at=START + 2 * DAY, requester="ci", groups=("b",)
            ),
            structs.replace(fetch, decision_id=other.id),
            structs.replace(fetch, decision_id=""),
        ]
    )
    uses = await store.override_uses("o1")
    assert (uses.decisions, uses.fetches, uses.clients) == (2, 3, 2)
    assert (uses.first_at, uses.last_at) == (START, START + 2 * DAY)
    assert uses.by[0] == Use(
        requester="ci",
        groups=("b",),
        address="192.0.2.7",
        fetches=1,
        first_at=START + 2 * DAY,
        last_at=START + 2 * DAY,
    )
    assert (uses.by[1].requester, uses.by[1].fetches) == ("laptop", 2)
    assert replace(await store.override_uses("o1", limit=1), by=uses.by) == uses
    assert (await store.override_uses("o1", limit=0)).by == ()


async def test_override_uses__of_a_deny_hands_out_nothing(store: Store) -> None:
    assert await store.override_uses("o1") == OverrideUses(override_id="o1")
    denied = replace(make_decision(action=Action.DENY), override_id="o1")
    await store.put_decision(denied)
    assert await store.override_uses("o1") == OverrideUses(override_id="o1", decisions=1)


async def test_tell_reminder__is_told_once_for_each_threshold(store: Store) -> None:
    assert not await store.reminder_told("o1", 24)
    assert await store.tell_reminder("o1", 24, at=START)
    assert not await store.tell_reminder("o1", 24, at=START + DAY)
    assert await store.reminder_told("o1", 24)
    assert not await store.reminder_told("o1", 168)
    assert await store.tell_reminder("o2", 24, at=START)


async def test_overrides__prolonged_keep_their_digest(store: Store) -> None:
    """What was approved reads back as it was given, byte for byte."""
    given: Override = replace(make_override("o9"), justification="ünïcode \u202e")
    await store.add_request(make_request())
    await store.approve_request("q1", given, answer())
    assert (await store.overrides())[0] == given
