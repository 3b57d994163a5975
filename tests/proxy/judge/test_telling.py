"""What the desk decides is told in the same write, and workers that let go are told of."""

from __future__ import annotations

import pytest

from models.decision import Action, HoldKind, TrustTier
from models.errors import UpstreamUnavailable
from models.evidence import Shortfall
from models.work import LEASE_S
from proxy.admin.events import Event, EventKind
from proxy.judge.desk import Desk
from tests.models.examples import finding, proof, ref
from tests.proxy.judge.examples import QUICK, Room
from tests.proxy.store.test_contract_telling import make_webhook
from tests.proxy.store.values import make_fetch


def told(room: Room) -> list[Event]:
    return [one.event for one in room.store._deliveries.values()]


@pytest.fixture
async def room() -> Room:
    made = Room()
    await made.store.add_webhook(make_webhook(), actor="alice")
    return made


async def test_desk__a_file_that_waits_for_a_person_is_told_once(room: Room) -> None:
    await room.observe(shortfalls=(Shortfall.TIMED_OUT,))
    decision = await room.desk.judge_ref(ref())
    assert (decision.action, decision.hold) == (Action.HOLD, HoldKind.REVIEW)
    (event,) = told(room)
    assert event.kind is EventKind.HELD_FOR_REVIEW
    assert event.url.endswith(f"/v/{decision.id}")
    room.clock.turn(hours=1)
    await room.desk.judge_ref(ref())
    assert len(told(room)) == 1, "what is not new is not told"


async def test_desk__what_was_served_and_is_blocked_now_is_told_with_its_fetches(
    room: Room,
) -> None:
    await room.observe()
    assert (await room.desk.judge_ref(ref())).served
    await room.store.record_fetches([make_fetch(ref()), make_fetch(ref())])
    assert told(room) == []
    room.clock.turn(hours=1)
    await room.observe(findings=(proof(),))
    decision = await room.desk.judge_ref(ref())
    assert decision.action is Action.DENY
    (event,) = told(room)
    assert event.kind is EventKind.DECISION_WORSENED
    assert dict(event.facts)["fetches"] == "2"
    assert dict(event.facts)["installed"].endswith(f"/installed/{ref().sha256}")


async def test_desk__a_watched_file_that_is_analysed_again_is_told_when_it_changes(
    room: Room,
) -> None:
    room.facts_errors = [UpstreamUnavailable("down")]
    await room.observe()
    assert (await room.desk.judge_ref(ref())).tier is TrustTier.MONITOR
    assert [one.ref for one in await room.store.watched()] == [ref()]
    assert await room.desk.requeue(ref())
    job = await room.store.job_of(ref())
    assert job is not None
    assert job.priority.order == 2, "behind everything that is new"
    room.clock.turn(hours=1)
    await room.observe(duration_ms=1)
    decision = await room.desk.judge_ref(ref())
    assert decision.tier is TrustTier.APPROVE
    (event,) = told(room)
    assert event.kind is EventKind.WATCH_CHANGED
    assert (dict(event.facts)["before"], dict(event.facts)["verdict"]) == ("Monitored", "Approved")
    assert await room.store.watched() == ()


async def test_desk__new_evidence_that_says_the_same_is_not_told(room: Room) -> None:
    room.facts_errors = [UpstreamUnavailable("down")] * 2
    await room.observe()
    first = await room.desk.judge_ref(ref())
    room.clock.turn(hours=1)
    await room.observe(duration_ms=1)
    second = await room.desk.judge_ref(ref())
    assert first.evidence_digest != second.evidence_digest
    assert told(room) == []


async def test_desk__a_lease_that_ran_out_names_its_worker(room: Room) -> None:
    heard: list[str] = []

    async def expired(worker: str) -> None:
        heard.append(worker)

    desk = Desk(
        store=room.store,
        judge=room.judge,
        policy=lambda: room.policy,
        model_digest=room.model_of,
        clock=room.clock,
        facts=room._facts,
        times=QUICK,
        lease_expired=expired,
    )
    for _ in range(2):
        await room.lease()
        room.clock.turn(seconds=LEASE_S)
        await desk._upkeep.sweep()
        room.clock.turn(seconds=5)
    assert heard[-1] == "w1"


async def test_desk__hostile_text_of_a_package_is_not_in_the_sentence(room: Room) -> None:
    hostile = finding(title="<!channel> https://evil.example", what="@everyone")
    await room.observe(findings=(hostile,), shortfalls=(Shortfall.TIMED_OUT,))
    await room.desk.judge_ref(ref())
    for event in told(room):
        assert "everyone" not in event.sentence
        assert "evil" not in event.sentence
