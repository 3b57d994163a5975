"""The port's contract, held against the SQLite store and its twin: webhooks, their outbox, figures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from models.canonical import Digest
from models.errors import Overloaded, StoreConflict, StoreError
from models.work import JobState, Priority
from proxy.admin.events import Event, EventKind
from proxy.store.exceptions_port import RequestState
from proxy.store.gathering import INSTALLED_MAX, TOLD_MAX, WORST_MAX
from proxy.store.policy_port import PolicyDocument
from proxy.store.port import Feed, Store
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
from tests.proxy.store.test_contract_exceptions import answer, make_request
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


async def _wait(store: Store, clock: FakeClock) -> int:
    return (await store.figures(clock())).outbox.waiting


async def test_requests__are_told_in_the_transaction_that_changes_them(
    opener: Opener, clock: FakeClock
) -> None:
    """What fails tells nobody, and what is done is told, whoever is killed right after it."""
    store = opener()
    await store.add_webhook(make_webhook(), actor="alice")
    asked = [make_event(EventKind.OVERRIDE_REQUESTED)]
    await store.add_request(make_request(), telling=asked)
    with pytest.raises(StoreConflict):
        await store.add_request(make_request(), telling=[make_event(sentence="Again.")])
    assert await _wait(opener(), clock) == 1
    answered = answer(RequestState.REFUSED)
    told = [make_event(EventKind.OVERRIDE_REFUSED)]
    await store.end_request("q1", answered, telling=told)
    with pytest.raises(StoreConflict):
        await store.end_request("q1", answered, telling=[make_event(sentence="Again.")])
    assert await _wait(opener(), clock) == 2
    await store.add_request(make_request("q2"))
    approved = [make_event(EventKind.OVERRIDE_APPROVED)]
    await store.approve_request("q2", make_override("o1"), answer(), telling=approved)
    more = [make_event(sentence="Once more.")]
    with pytest.raises(StoreConflict):
        await store.approve_request("q2", make_override("o2"), answer(), telling=more)
    kinds = [(await claim(opener(), clock)).event.kind for _ in range(3)]
    assert kinds == [
        EventKind.OVERRIDE_REQUESTED,
        EventKind.OVERRIDE_REFUSED,
        EventKind.OVERRIDE_APPROVED,
    ]


async def test_reminder__is_told_with_the_note_that_it_was(
    opener: Opener, clock: FakeClock
) -> None:
    await opener().add_webhook(make_webhook(), actor="alice")
    await opener().add_override(make_override("o1"))
    event = make_event(EventKind.OVERRIDE_EXPIRING)
    assert await opener().tell_reminder("o1", 24, at=START, telling=[event])
    assert (await claim(opener(), clock)).event == event
    again = [make_event(sentence="Again.")]
    assert not await opener().tell_reminder("o1", 24, at=START, telling=again)
    assert await _wait(opener(), clock) == 1


async def test_policy__is_told_with_its_number_in_one_transaction(
    opener: Opener, clock: FakeClock
) -> None:
    def told(made: PolicyDocument) -> list[Event]:
        return [make_event(EventKind.POLICY_CHANGED, sentence=f"Policy {made.number}.")]

    store = opener()
    await store.add_webhook(make_webhook(), actor="alice")
    put = partial(store.put_policy_document, Digest("sha256:" + "0" * 64), "x", actor="a")
    await put(comment="", expected=0, telling=told)
    with pytest.raises(StoreConflict):
        await put(comment="", expected=0, telling=told)
    assert (await claim(opener(), clock)).event.sentence == "Policy 1."
    assert await _wait(opener(), clock) == 1


async def test_put_feed__tells_in_the_same_transaction(opener: Opener, clock: FakeClock) -> None:
    await opener().add_webhook(make_webhook(), actor="alice")
    feed = Feed(name="ossf", source="here", error="broken")
    await opener().put_feed(feed, telling=[make_event()])
    assert await opener().feeds() == (feed,)
    assert (await claim(opener(), clock)).event == make_event()


# -- bursts --------------------------------------------------------------------------------------
def flip(number: int, *, fetches: int = 0, action: str = "HOLD", score: int = 50) -> Event:
    installed = (("installed", "https://p.test/installed/x"),) if fetches else ()
    return Event(
        kind=EventKind.DECISION_WORSENED,
        at=START,
        subject=f"demo {number}",
        sentence=f"Held by pratique: demo {number}.",
        facts=(
            ("action", action),
            ("score", str(score)),
            ("fetches", str(fetches)),
            ("changed", "policy 3f9a"),
            *installed,
        ),
        many_url="https://p.test/audit",
    )


async def arrive(store: Store, clock: FakeClock) -> list[Event]:
    """Whatever is due now, delivered."""
    events = []
    while one := await store.claim_delivery("id-ops", now=clock(), until=clock() + MINUTE):
        events.append(one.event)
        await store.delivered(one.number)
    return events


async def test_burst__many_of_one_kind_in_a_minute_become_one_summary(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(412):
        worst = number == 300
        await store.tell(flip(number, action="DENY" if worst else "HOLD", score=number % 100))
    await store.tell(make_event())
    one_by_one = await arrive(store, clock)
    assert [event.subject for event in one_by_one] == [
        *(f"demo {number}" for number in range(TOLD_MAX)),
        "ossf",
    ]
    assert await store.webhooks_due(clock()) == ()
    clock.advance(60)
    (summary,) = await arrive(store, clock)
    facts = dict(summary.facts)
    gathered = 412 - TOLD_MAX
    assert summary.kind is EventKind.DECISION_WORSENED
    assert facts["count"] == facts["by policy 3f9a"] == str(gathered)
    assert [name for name in facts if name.startswith("worst_")] == [
        f"worst_{place}" for place in range(1, WORST_MAX + 1)
    ]
    assert "demo 300" in facts["worst_1"]
    assert summary.sentence.startswith(
        f"{gathered} more decisions changed for the worse within a minute, "
        f"{gathered} of them by policy 3f9a: demo 300, "
    )
    assert summary.url == "https://p.test/audit"
    assert (await store.figures(clock())).outbox == OutboxExtent(waiting=0, dead=0, oldest_at=None)


async def test_burst__what_somebody_has_installed_is_told_one_by_one_for_longer(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(INSTALLED_MAX + 5):
        await store.tell(flip(number))
        await store.tell(flip(1000 + number, fetches=3))
    told = await arrive(store, clock)
    assert sum("installed" in dict(event.facts) for event in told) == INSTALLED_MAX
    assert len(told) == INSTALLED_MAX + TOLD_MAX
    clock.advance(60)
    sentences = sorted(event.sentence for event in await arrive(store, clock))
    assert len(sentences) == 2
    assert sentences[1].startswith("5 more decisions changed for the worse of files that were")


async def test_burst__is_over_after_a_minute_and_survives_a_restart(
    opener: Opener, clock: FakeClock
) -> None:
    await opener().add_webhook(make_webhook(), actor="alice")
    for number in range(TOLD_MAX + 2):
        await opener().tell(flip(number))
    await arrive(opener(), clock)
    clock.advance(60)
    await opener().tell(flip(100))
    told = await arrive(opener(), clock)
    assert sorted(dict(event.facts).get("count", "1") for event in told) == ["1", "2"]


async def test_burst__the_same_again_is_not_counted_while_it_waits(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(TOLD_MAX):
        await store.tell(flip(number))
    for _ in range(5):
        await store.tell(flip(0))
    assert (await store.figures(clock())).outbox.waiting == TOLD_MAX


async def test_burst__where_a_clock_was_set_a_sent_summary_is_followed_by_another(
    store: Store, clock: FakeClock
) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(TOLD_MAX + 1):
        await store.tell(flip(number))
    late = clock() + MINUTE
    while one := await store.claim_delivery("id-ops", now=late, until=late + MINUTE):
        await store.delivered(one.number)
    clock.advance(1)
    await store.tell(flip(500))
    clock.advance(59)
    (summary,) = await arrive(store, clock)
    assert dict(summary.facts)["count"] == "1"
    assert "demo 500" in summary.sentence


async def test_burst__goes_with_its_webhook(store: Store, clock: FakeClock) -> None:
    for _ in range(2):
        await store.add_webhook(make_webhook(), actor="alice")
        for number in range(TOLD_MAX + 1):
            await store.tell(flip(number))
        assert len(await arrive(store, clock)) == TOLD_MAX
        await store.remove_webhook("ops", actor="alice")


async def test_burst__tries_of_a_webhook_are_all_seen(store: Store, clock: FakeClock) -> None:
    await store.add_webhook(make_webhook(), actor="alice")
    for number in range(TOLD_MAX + 5):
        await store.tell(make_event(EventKind.TEST, sentence=f"Try {number}."))
    assert len(await arrive(store, clock)) == TOLD_MAX + 5


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
