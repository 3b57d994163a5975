"""The port's contract on what pages read, held against the SQLite store and its twin."""

from __future__ import annotations

from datetime import timedelta

from models.decision import Action, HoldKind
from models.work import Priority
from proxy.store.pages_port import HeldCount, Hour, QueueState, WorkerSeen
from proxy.store.port import Store
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_fetch,
    make_override,
    make_ref,
    name,
    waiting,
)


async def test_held_counts__only_what_is_held_now_counts(store: Store, clock: FakeClock) -> None:
    assert await store.held_counts() == ()
    for project in ("a", "b"):
        await store.put_decision(
            make_decision(make_ref(project), action=Action.HOLD, hold=HoldKind.REVIEW, score=50)
        )
        clock.advance(60)
    await store.put_decision(waiting(make_ref("c")))
    await store.put_decision(make_decision(make_ref("a")))
    assert await store.held_counts() == (
        HeldCount(hold=HoldKind.ANALYSIS, count=1, oldest=START + timedelta(seconds=120)),
        HeldCount(hold=HoldKind.REVIEW, count=1, oldest=START + timedelta(seconds=60)),
    )


async def test_waiting__longest_held_first_with_score_and_fetches(
    store: Store, clock: FakeClock
) -> None:
    held = [
        make_decision(make_ref(p), action=Action.HOLD, hold=HoldKind.REVIEW, score=s)
        for p, s in (("a", 50), ("b", None))
    ]
    for decision in held:
        await store.put_decision(decision)
        clock.advance(1)
    await store.record_fetches([make_fetch(held[1].ref), make_fetch(make_ref("z"))])
    rows = await store.waiting(HoldKind.REVIEW)
    assert [(row.ref, row.score, row.fetches) for row in rows] == [
        (held[0].ref, 50, 0),
        (held[1].ref, None, 1),
    ]
    assert [row.recorded_at for row in rows] == [START, START + timedelta(seconds=1)]
    assert [row.ref for row in await store.waiting(HoldKind.REVIEW, project="b")] == [held[1].ref]
    assert await store.waiting(HoldKind.AGE) == ()
    assert await store.waiting(HoldKind.REVIEW, limit=1) == rows[:1]
    assert await store.waiting(HoldKind.REVIEW, after=rows[0].number) == rows[1:]
    assert await store.waiting(HoldKind.REVIEW, after=10**9) == ()
    numbers = [row.number for row in reversed(rows)]
    found = await store.recorded([*numbers, 10**9])
    assert [(one.decision, one.current) for one in found] == [(one, True) for one in held[::-1]]


async def test_files_of__pages_by_number_and_history_tells_which_is_in_force(store: Store) -> None:
    refs = [make_ref("demo", f"1.{minor}") for minor in range(5)]
    for ref in refs:
        await store.put_decision(waiting(ref))
    await store.put_decision(make_decision(refs[0]))
    await store.put_decision(make_decision(make_ref("other")))
    first = await store.files_of(name("demo"), limit=3)
    second = await store.files_of(name("demo"), before=first[-1].number, limit=3)
    assert [row.decision.ref for row in (*first, *second)] == [refs[0], *refs[:0:-1]]
    assert all(row.current for row in (*first, *second))
    named = await store.filenames_of(name("demo"))
    assert [pair[1] for pair in named] == [row.decision.ref.filename for row in (*first, *second)]
    past = await store.history(refs[0], limit=10)
    assert [(row.decision.action, row.current) for row in past] == [
        (Action.SERVE, True),
        (Action.HOLD, False),
    ]
    assert await store.history(refs[0], before=past[0].number, limit=10) == past[1:]
    assert await store.history(make_ref("nobody"), limit=10) == ()


async def test_flow__counts_by_hour_what_was_sent_held_and_denied(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    await store.record_fetches(
        [make_fetch(ref, at=START - timedelta(days=2)), make_fetch(ref, at=START)]
    )
    await store.put_decision(waiting(make_ref("unseen")))
    await store.put_decision(
        make_decision(make_ref("h"), action=Action.HOLD, hold=HoldKind.REVIEW, score=50)
    )
    clock.advance(3600)
    await store.put_decision(make_decision(make_ref("d"), action=Action.DENY, score=10))
    await store.put_decision(make_decision(make_ref("s")))
    assert await store.flow(since=START - timedelta(hours=1)) == (
        Hour(began=START, served=1, held=1),
        Hour(began=START + timedelta(hours=1), denied=1),
    )


async def test_queue_state__counts_open_jobs_and_knows_the_oldest(store: Store) -> None:
    assert await store.queue_state() == QueueState()
    for minute, project in enumerate(("a", "b", "c")):
        ref = make_ref(project)
        await store.enqueue(
            ref,
            size_bytes=1,
            facts=make_facts(ref),
            priority=Priority.FILE,
            now=START + timedelta(minutes=minute),
        )
    await store.lease(worker="pi", lease_id="l", now=START + timedelta(minutes=9))
    assert await store.queue_state() == QueueState(queued=2, leased=1, oldest=START)


async def test_workers_seen__posts_last_word_and_distrust(store: Store, clock: FakeClock) -> None:
    ref = make_ref()
    await store.enqueue(ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=START)
    await store.lease(worker="pi", lease_id="l", now=START)
    await store.complete("l", worker="pi", evidence=make_evidence(ref), blobs=[], now=START)
    clock.advance(5)
    await store.distrust_worker("old")
    assert await store.workers_seen() == (
        WorkerSeen(name="old", distrusted_at=START + timedelta(seconds=5)),
        WorkerSeen(name="pi", posts=1, posted_at=START),
    )


async def test_fetches_page__of_some_bytes_newest_first(store: Store) -> None:
    ref = make_ref()
    fetches = [make_fetch(ref, at=START + timedelta(minutes=n)) for n in range(4)]
    await store.record_fetches([*fetches, make_fetch(make_ref("other"))])
    first = await store.fetches_page(ref.sha256, limit=3)
    assert [fetch for _, fetch in first] == fetches[:0:-1]
    rest = await store.fetches_page(ref.sha256, before=first[-1][0], limit=3)
    assert [fetch for _, fetch in rest] == fetches[:1]


async def test_overrides_page__all_or_those_in_force(store: Store) -> None:
    ended = make_override("o1")
    await store.add_override(ended)
    await store.revoke_override("o1", actor="a", at=START)
    await store.add_override(make_override("o2"))
    every = await store.overrides_page(limit=10)
    assert [override.id for _, override in every] == ["o2", "o1"]
    now = every[0][1].created_at
    assert [o.id for _, o in await store.overrides_page(active_at=now, limit=10)] == ["o2"]
    assert [o.id for _, o in await store.overrides_page(before=every[0][0], limit=9)] == ["o1"]


async def test_current__a_page_of_the_newest_by_action_and_project(store: Store) -> None:
    made = [make_decision(make_ref(p, v)) for p, v in (("a", "1.0"), ("b", "1.0"), ("a", "2.0"))]
    made.append(make_decision(make_ref("b", "2.0"), action=Action.DENY))
    for decision in made:
        await store.put_decision(decision)
    rows = await store.current(limit=10)
    assert [row.decision for row in rows] == made[::-1]
    assert await store.current(before=rows[1].number, limit=1) == rows[2:3]
    assert [row.decision for row in await store.current(action="DENY", limit=10)] == made[3:]
    assert [row.decision for row in await store.current(project="a", limit=10)] == [
        made[2],
        made[0],
    ]
