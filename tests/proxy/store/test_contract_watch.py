"""The port's contract, held against the SQLite store and its twin: the watch list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.decision import Action, Decision, HoldKind, TrustTier
from models.work import Priority
from proxy.store.port import Store
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    LOCAL,
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_ref,
    name,
)

DEMO = make_ref("demo", "1.0")
NEXT = make_ref("demo", "2.0")
OTHER = make_ref("other", "1.0")


def monitored(ref: ArtifactRef = DEMO) -> Decision:
    return make_decision(ref, score=70, evidence=digest_of(make_evidence(ref)))


def refused(ref: ArtifactRef = DEMO) -> Decision:
    decision = make_decision(ref, action=Action.HOLD, hold=HoldKind.REVIEW, score=40)
    return replace(decision, evidence_digest=digest_of(make_evidence(ref)))


async def listed(store: Store, project: str = "") -> list[ArtifactRef]:
    return [one.ref for one in await store.watched(project=project)]


async def due(store: Store, clock: FakeClock, hours: int = 168) -> list[ArtifactRef]:
    found = await store.watches_due(
        analysed_before=clock() - timedelta(hours=hours),
        queued_before=clock() - timedelta(hours=1),
        limit=10,
    )
    return [one.ref for one in found]


async def analyse(store: Store, clock: FakeClock, ref: ArtifactRef) -> None:
    await store.enqueue(
        ref, size_bytes=1, facts=make_facts(ref), priority=Priority.RESCAN, now=clock()
    )
    lease = await store.lease(worker="w1", lease_id=f"l{clock()}", now=clock())
    assert lease is not None
    await store.complete(
        lease.lease_id, worker="w1", evidence=make_evidence(ref), blobs=[], now=clock()
    )


async def test_watched__what_is_monitored_is_on_the_list_and_outlives_a_restart(
    opener: Opener,
) -> None:
    await opener().put_decision(monitored())
    (one,) = await opener().watched()
    assert (one.ref, one.since, one.analysed_at) == (DEMO, START, START)
    assert (one.queued_at, one.wanted) == (None, False)


@pytest.mark.parametrize(
    "decision",
    [
        make_decision(DEMO, evidence=digest_of(make_evidence(DEMO))),
        make_decision(DEMO, score=70),
        refused(),
        replace(monitored(), override_id="o1"),
        replace(monitored(), tier=TrustTier.APPROVE),
    ],
    ids=["approved", "without evidence", "held", "allowed by a person", "raised by policy"],
)
async def test_watched__nothing_else_is(decision: Decision, store: Store) -> None:
    await store.put_decision(decision)
    assert await listed(store) == []
    await store.put_decision(monitored())
    assert await listed(store) == [DEMO]
    await store.put_decision(replace(decision, as_of=START + timedelta(days=1)))
    assert await listed(store) == []


async def test_watched__a_new_decision_keeps_its_place(store: Store, clock: FakeClock) -> None:
    await store.put_decision(monitored())
    clock.advance(3600)
    await store.put_decision(replace(monitored(), as_of=clock()))
    (one,) = await store.watched()
    assert one.analysed_at == START


async def test_due__once_the_last_analysis_is_old_enough(store: Store, clock: FakeClock) -> None:
    await store.put_decision(monitored())
    clock.advance(168 * 3600 - 1)
    assert await due(store, clock) == []
    clock.advance(1)
    assert await due(store, clock) == [DEMO]
    await analyse(store, clock, DEMO)
    assert await due(store, clock) == []


async def test_due__not_again_while_it_was_queued_a_moment_ago(
    store: Store, clock: FakeClock
) -> None:
    await store.put_decision(monitored())
    await store.put_decision(monitored(OTHER))
    clock.advance(200 * 3600)
    await store.watch_queued(DEMO, at=clock())
    await store.watch_queued(NEXT, at=clock())  # it is not on the list
    assert await due(store, clock) == [OTHER]
    assert await store.watches_queued_since(clock() - timedelta(seconds=1)) == 1
    assert await store.watches_queued_since(clock()) == 0
    clock.advance(3600)
    assert set(await due(store, clock)) == {DEMO, OTHER}


async def test_want__is_due_at_once_and_first(store: Store, clock: FakeClock) -> None:
    await store.put_decision(monitored(OTHER))
    clock.advance(1)
    await store.put_decision(monitored())
    await store.put_decision(monitored(replace(DEMO, index=LOCAL)))
    assert await store.want_watched(name("demo")) == 2
    assert await store.want_watched(name("nobody")) == 0
    assert len(await due(store, clock)) == 2
    assert (await listed(store))[-1] == OTHER
    await analyse(store, clock, DEMO)
    assert await due(store, clock) == [replace(DEMO, index=LOCAL)]


async def test_want__a_sibling_that_is_refused_now_has_the_others_looked_at(
    store: Store, clock: FakeClock
) -> None:
    await store.put_decision(monitored())
    await store.put_decision(monitored(OTHER))
    await store.put_decision(make_decision(NEXT, score=90))
    assert await due(store, clock) == []
    await store.put_decision(refused(NEXT))
    assert await due(store, clock) == [DEMO]


@pytest.mark.parametrize(
    "decision",
    [
        refused(NEXT),
        make_decision(NEXT, score=90),
        make_decision(NEXT, action=Action.HOLD, hold=HoldKind.ANALYSIS, score=None),
    ],
    ids=["new and refused", "served", "back on hold"],
)
async def test_want__not_for_less(decision: Decision, store: Store, clock: FakeClock) -> None:
    await store.put_decision(monitored())
    if decision.hold is HoldKind.ANALYSIS:
        await store.put_decision(make_decision(NEXT, score=90))
    await store.put_decision(decision)
    assert await due(store, clock) == []


async def test_watched__is_bounded_and_by_project(store: Store) -> None:
    for ref in (DEMO, NEXT, OTHER):
        await store.put_decision(monitored(ref))
    assert set(await listed(store, "demo")) == {DEMO, NEXT}
    assert len(await store.watched(limit=2)) == 2
    assert len(await store.watches_due(analysed_before=START, queued_before=START, limit=1)) == 1
