"""The port's contract, held against the SQLite store and its twin: webhooks, their outbox, figures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import Overloaded, StoreConflict, StoreError
from models.work import JobState, Priority
from proxy.admin.events import Event, EventKind
from proxy.store.port import Store
from proxy.store.telling_port import (
    FACT_CHARS_MAX,
    FACTS_MAX,
    OUTBOX_FULL,
    SENTENCE_CHARS_MAX,
    WEBHOOKS_MAX,
    Delivery,
    OutboxExtent,
    Template,
    Webhook,
)
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_facts,
    make_override,
    make_ref,
)

MINUTE = timedelta(minutes=1)
SECRET = "whsec_c2VjcmV0IG9mIGEgd2ViaG9vaywgMzIgYnl0ZXM="


def make_webhook(name: str = "ops", *kinds: EventKind) -> Webhook:
    return Webhook(
        id=f"id-{name}",
        name=name,
        url="https://hooks.example.test/services/T0/B0/hidden",
        secret=SECRET,
        kinds=kinds,
        template=Template.JSON,
        allow_private=False,
        created_at=START,
        created_by="alice",
    )


def make_event(kind: EventKind = EventKind.FEED_FAILED, sentence: str = "It failed.") -> Event:
    return Event(
        kind=kind,
        at=START,
        subject="ossf",
        sentence=sentence,
        url="https://pratique.example/",
        facts=(("feed", "ossf"),),
    )


async def claim(store: Store, clock: FakeClock, webhook: str = "id-ops") -> Delivery:
    claimed = await store.claim_delivery(webhook, now=clock(), until=clock() + MINUTE)
    assert claimed is not None
    return claimed


# -- webhooks ------------------------------------------------------------------------------------


async def test_webhooks__outlive_a_restart_with_their_secrets(opener: Opener) -> None:
    webhook = make_webhook("ops", EventKind.FEED_FAILED, EventKind.WORKER_LOST)
    other = replace(make_webhook("chat"), template=Template.SLACK, allow_private=True)
    for one in (webhook, other):
        await opener().add_webhook(one, actor="alice")
    assert await opener().webhooks() == (other, webhook)


async def test_add_webhook__is_audited_without_its_secrets(store: Store) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    await store.remove_webhook("ops", actor="bob")
    rows = await store.audit()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("bob", "webhook_removed", "ops"),
        ("alice", "webhook_added", "ops"),
    ]
    assert json.loads(rows[1].detail)["url"] == "https://hooks.example.test/…"
    for row in rows:
        assert SECRET not in row.detail
        assert "hidden" not in row.detail
    assert await store.verify_audit() == 2


def test_webhook__shows_no_secret() -> None:
    shown = repr(make_webhook())
    assert SECRET not in shown
    assert "hidden" not in shown


async def test_add_webhook__names_are_taken_once(store: Store) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    with pytest.raises(StoreConflict):
        await store.add_webhook(replace(make_webhook(), id="another"), actor="alice")


async def test_add_webhook__there_is_a_bound(store: Store) -> None:
    for number in range(WEBHOOKS_MAX):
        await store.add_webhook(make_webhook(f"w{number}"), actor="alice")
    with pytest.raises(Overloaded):
        await store.add_webhook(make_webhook("one-more"), actor="alice")


async def test_remove_webhook__takes_what_waits_for_it_along(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    await store.add_webhook(make_webhook("other"), actor="alice")
    await store.tell(make_event())
    assert (await store.remove_webhook("ops", actor="alice")).name == "ops"
    assert (await store.figures(clock())).outbox.waiting == 1
    assert await store.webhooks_due(clock()) == ("id-other",)
    with pytest.raises(StoreError):
        await store.remove_webhook("ops", actor="alice")


# -- the outbox ----------------------------------------------------------------------------------


async def test_tell__without_a_webhook_nothing_is_kept(store: Store, clock: FakeClock) -> None:
    assert await store.tell(make_event()) == 0
    assert (await store.figures(clock())).outbox == OutboxExtent(waiting=0, dead=0, oldest_at=None)


async def test_tell__once_for_each_webhook_that_takes_the_kind(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook("all"), actor="alice")
    await store.add_webhook(make_webhook("workers", EventKind.WORKER_LOST), actor="alice")
    assert await store.tell(make_event()) == 1
    assert await store.webhooks_due(clock()) == ("id-all",)
    assert await store.tell(make_event(EventKind.TEST)) == 2


async def test_tell__survives_a_kill_before_delivery(opener: Opener, clock: FakeClock) -> None:
    store = opener()
    await store.add_webhook(make_webhook(), actor="alice")
    await store.tell(make_event())
    claimed = await claim(store, clock)  # and then this process is killed
    again = opener()
    assert await again.webhooks_due(clock()) == ()
    clock.advance(60)
    retried = await claim(again, clock)
    assert (retried.event, retried.event_id) == (make_event(), claimed.event_id)
    assert (claimed.attempts, retried.attempts) == (1, 2)


async def test_tell__the_same_event_waits_once(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for _ in range(3):
        await store.tell(make_event())
    assert (await store.figures(clock())).outbox.waiting == 1
    await store.tell(make_event(sentence="It failed again."))
    assert (await store.figures(clock())).outbox.waiting == 2


async def test_tell__hostile_and_endless_text_is_cut_and_kept(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    event = replace(
        make_event(),
        subject="\ud800" + "x" * 10_000,
        sentence="y" * 10_000,
        facts=tuple((f"n{number}", "z" * 1_000) for number in range(100)),
    )
    assert await store.tell(event) == 1
    kept = (await claim(store, clock)).event
    assert kept.subject.startswith("\\ud800x")
    assert len(kept.subject) == FACT_CHARS_MAX
    assert len(kept.sentence) == SENTENCE_CHARS_MAX
    assert len(kept.facts) == FACTS_MAX


async def test_tell__beyond_the_bound_it_is_a_dead_letter(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("proxy.store.sql.telling", "proxy.store.memory_telling"):
        monkeypatch.setattr(f"{module}.WAITING_MAX", 2)
        monkeypatch.setattr(f"{module}.DEAD_MAX", 2)
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(6):
        clock.advance(1)
        await store.tell(make_event(sentence=f"Event {number}."))
    extent = (await store.figures(clock())).outbox
    assert (extent.waiting, extent.dead) == (2, 2)
    dead = await store.dead_deliveries()
    assert [one.event.sentence for one in dead] == ["Event 5.", "Event 4."]
    assert {one.error for one in dead} == {OUTBOX_FULL}


async def test_claim__one_at_a_time_and_the_earliest_first(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    await store.tell(make_event(sentence="First."))
    clock.advance(1)
    await store.tell(make_event(sentence="Second."))
    first, second = await claim(store, clock), await claim(store, clock)
    assert [first.event.sentence, second.event.sentence] == ["First.", "Second."]
    assert await store.claim_delivery("id-ops", now=clock(), until=clock() + MINUTE) is None
    await store.delivered(first.number)
    await store.delivered(first.number)
    assert (await store.figures(clock())).outbox.waiting == 1


async def test_postpone__until_its_time_has_come(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    await store.tell(make_event())
    one = await claim(store, clock)
    await store.postpone_delivery(one.number, at=clock() + 2 * MINUTE, error="HTTP 500")
    clock.advance(119)
    assert await store.webhooks_due(clock()) == ()
    clock.advance(1)
    again = await claim(store, clock)
    assert (again.attempts, again.error) == (2, "HTTP 500")


async def test_bury__a_dead_letter_waits_for_a_person(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    await store.tell(make_event())
    one = await claim(store, clock)
    await store.bury_delivery(one.number, error="HTTP 410", now=clock())
    await store.postpone_delivery(one.number, at=clock(), error="too late")
    clock.advance(10**6)
    assert await store.webhooks_due(clock()) == ()
    (dead,) = await store.dead_deliveries()
    assert (dead.number, dead.error, dead.next_at) == (one.number, "HTTP 410", None)
    assert await store.revive_deliveries([one.number + 1], actor="alice", now=clock()) == 0
    assert await store.revive_deliveries([one.number], actor="alice", now=clock()) == 1
    assert (await claim(store, clock)).attempts == 1
    assert (await store.audit())[0].action == "webhook_retried"


async def test_revive__all_at_once(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(3):
        await store.tell(make_event(sentence=f"{number}"))
        one = await claim(store, clock)
        await store.bury_delivery(one.number, error="x", now=clock())
    assert await store.revive_deliveries(None, actor="alice", now=clock()) == 3
    assert await store.dead_deliveries() == ()


# -- told with a decision ------------------------------------------------------------------------


async def test_put_decision__tells_in_the_same_transaction_where_it_is_new(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    event = make_event(EventKind.HELD_FOR_REVIEW)
    await store.put_decision(make_decision(), telling=[event])
    assert (await claim(store, clock)).event == event
    await store.put_decision(make_decision(), telling=[make_event(sentence="Another.")])
    assert (await store.figures(clock())).outbox.waiting == 1


async def test_figures__count_jobs_by_state_and_the_oldest(store: Store, clock: FakeClock) -> None:
    for number in range(3):
        ref = make_ref("demo", f"{number}.0")
        await store.enqueue(
            ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=clock()
        )
        clock.advance(10)
    await store.lease(worker="w1", lease_id="l1", now=clock())
    await store.add_override(make_override())
    figures = await store.figures(clock())
    assert dict(figures.jobs) == {JobState.QUEUED: 2, JobState.LEASED: 1, JobState.OBSERVED: 0}
    assert figures.oldest_job_at == START + timedelta(seconds=10)
    assert (figures.overrides_active, figures.watched) == (1, 0)
    clock.advance(31 * 86_400)
    assert (await store.figures(clock())).overrides_active == 0
