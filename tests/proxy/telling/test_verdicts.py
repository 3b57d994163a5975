"""What of a decision is worth telling."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from models.canonical import digest_of
from models.decision import Action, Decision, HoldKind
from proxy.admin.events import Event, EventKind
from proxy.store.memory import MemoryStore
from proxy.telling.verdicts import events_of, told_of
from tests.proxy.store.values import (
    POLICY,
    START,
    FakeClock,
    make_decision,
    make_fetch,
    waiting,
)

ORIGIN = "https://pratique.example"
APPROVED = make_decision(score=90, evidence=POLICY)
MONITORED = make_decision(score=70, evidence=POLICY)
REVIEW = make_decision(action=Action.HOLD, hold=HoldKind.REVIEW, score=40, evidence=POLICY)
AGE = make_decision(action=Action.HOLD, hold=HoldKind.AGE, score=90, evidence=POLICY)
BLOCKED = make_decision(action=Action.DENY, score=10, evidence=POLICY)
CHECKING = waiting()
REVIEWED, WORSE, WATCHED = (
    EventKind.HELD_FOR_REVIEW,
    EventKind.DECISION_WORSENED,
    EventKind.WATCH_CHANGED,
)


def told(after: Decision, before: Decision | None, *, fetches: int = 0) -> tuple[Event, ...]:
    return told_of(after, before, fetches=fetches, origin=ORIGIN, at=START)


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (None, APPROVED, []),
        (None, MONITORED, []),
        (None, BLOCKED, []),
        (None, REVIEW, [REVIEWED]),
        (CHECKING, REVIEW, [REVIEWED]),
        (CHECKING, BLOCKED, []),
        (APPROVED, APPROVED, []),
        (APPROVED, MONITORED, []),
        (APPROVED, CHECKING, []),
        (APPROVED, AGE, [WORSE]),
        (APPROVED, REVIEW, [REVIEWED, WORSE]),
        (APPROVED, BLOCKED, [WORSE]),
        (AGE, REVIEW, [REVIEWED]),
        (REVIEW, REVIEW, []),
        (REVIEW, BLOCKED, [WORSE]),
        (REVIEW, APPROVED, []),
        (BLOCKED, APPROVED, []),
        (MONITORED, MONITORED, []),
        (MONITORED, replace(MONITORED, as_of=START.replace(year=2026)), []),
        (MONITORED, APPROVED, [WATCHED]),
        (MONITORED, REVIEW, [REVIEWED, WORSE, WATCHED]),
        (MONITORED, BLOCKED, [WORSE, WATCHED]),
    ],
)
def test_told__kinds(before: Decision | None, after: Decision, kinds: list[EventKind]) -> None:
    assert [event.kind for event in told(after, before)] == kinds


@pytest.mark.parametrize("after", [REVIEW, BLOCKED, AGE])
def test_told__what_was_handed_out_turned_for_the_worse_also_by_way_of_a_new_analysis(
    after: Decision,
) -> None:
    assert WORSE in {event.kind for event in told(after, CHECKING, fetches=3)}
    assert WORSE not in {event.kind for event in told(after, CHECKING)}
    assert told(APPROVED, CHECKING, fetches=3) == ()


def test_told__says_what_and_where_to_look() -> None:
    event = next(e for e in told(BLOCKED, MONITORED, fetches=7) if e.kind is WORSE)
    assert event.subject == "demo 1.0"
    assert event.sentence.startswith("Blocked by pratique: demo 1.0 ")
    assert event.url == f"{ORIGIN}/v/{BLOCKED.id}"
    facts = dict(event.facts)
    assert (facts["before"], facts["verdict"], facts["fetches"]) == ("Monitored", "Blocked", "7")
    assert facts["installed"] == f"{ORIGIN}/installed/{BLOCKED.ref.sha256}"
    assert all(facts.values())


async def test_events__of_a_flip_name_who_is_exposed_and_no_other_event_does() -> None:
    store = MemoryStore(clock=FakeClock())
    await store.record_fetches([structs.replace(make_fetch(), groups=("web",))])
    told = await events_of(store, REVIEW, APPROVED, origin=ORIGIN, at=START)
    facts = {event.kind: dict(event.facts) for event in told}
    assert facts[WORSE]["exposed"] == "laptop"
    assert facts[WORSE]["exposed_groups"] == "web"
    assert "exposed" not in facts[REVIEWED]


async def test_events__of_what_nobody_fetched_have_nobody_exposed() -> None:
    store = MemoryStore(clock=FakeClock())
    (event,) = await events_of(store, BLOCKED, APPROVED, origin=ORIGIN, at=START)
    assert "exposed" not in dict(event.facts)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"policy_digest": digest_of({"p": 2})}, "policy "),
        ({"override_id": "o1"}, "override o1"),
        ({"evidence_digest": digest_of({"e": 2})}, "another analysis"),
        ({"facts_digest": digest_of({"f": 2})}, "advisories or facts"),
        ({}, "time"),
    ],
)
def test_told__says_what_changed_for_a_summary_of_many(
    changes: dict[str, object], cause: str
) -> None:
    after = replace(BLOCKED, **changes)  # type: ignore[arg-type]
    before = replace(APPROVED, score=None)
    (event,) = [e for e in told(after, before) if e.kind is WORSE]
    assert dict(event.facts)["changed"].startswith(cause)
    assert event.many_url == f"{ORIGIN}/audit?log=decisions"
    (event,) = [e for e in told(after, before, fetches=2) if e.kind is WORSE]
    assert event.many_url == f"{ORIGIN}/installed"


def test_told__what_went_out_unjudged_and_is_bad_turned_for_the_worse() -> None:
    assert WORSE in {event.kind for event in told(BLOCKED, None, fetches=1)}
