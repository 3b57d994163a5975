"""What a summary of many events says, and what it is bounded by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proxy.admin.events import Event, EventKind
from proxy.store.gathering import (
    CAUSES_MAX,
    OTHER,
    WHAT,
    WINDOW,
    WORST_MAX,
    Gathered,
    added,
    present,
    summary_of,
)
from proxy.store.outbox import clean_event
from proxy.store.telling_port import FACT_CHARS_MAX, FACTS_MAX, SENTENCE_CHARS_MAX
from tests.proxy.store.values import START


def event(subject: str = "demo 1.0", **facts: str) -> Event:
    return Event(
        kind=EventKind.DECISION_WORSENED,
        at=START,
        subject=subject,
        sentence=f"Held by pratique: {subject}.",
        facts=tuple(facts.items()),
    )


def gather(*events: Event) -> Gathered:
    gathered = Gathered(kind=EventKind.DECISION_WORSENED, installed=False, since=START)
    for one in events:
        gathered = added(gathered, clean_event(one))
    return gathered


def test_what__every_kind_has_its_words() -> None:
    assert set(WHAT) == set(EventKind)


def test_added__the_worst_are_refused_then_widely_installed_then_low() -> None:
    many = gather(
        event("mild", action="HOLD", score="55"),
        event("low", action="HOLD", score="31"),
        event("spread", action="HOLD", score="55", fetches="9"),
        event("refused", action="DENY", score="30"),
        event("odd", action="?", score="-1", fetches="x"),
    )
    assert [line.subject for line in many.worst] == ["refused", "spread", "low", "mild", "odd"]
    assert (many.count, many.fetches) == (5, 9)


def test_added__keeps_few_lines_and_few_causes_and_counts_all() -> None:
    many = gather(*(event(f"demo {n}", changed=f"model {n}") for n in range(50)))
    assert len(many.worst) == WORST_MAX
    assert len(many.causes) == CAUSES_MAX + 1
    assert sum(count for _, count in many.causes) == 50
    assert many.causes[0] == (OTHER, 50 - CAUSES_MAX)


def test_summary__hostile_and_endless_text_stays_within_its_bounds() -> None:
    names = ("\ud800" + "x" * 10_000 + str(n) for n in range(30))
    told = summary_of(gather(*(event(name, changed="y" * 500) for name in names)), at=START)
    assert told == clean_event(told)
    assert len(told.sentence) <= SENTENCE_CHARS_MAX
    assert len(told.facts) <= FACTS_MAX
    assert all(len(text) <= FACT_CHARS_MAX for _, text in told.facts)


@pytest.mark.parametrize(
    ("after", "same"),
    [(timedelta(0), True), (WINDOW, False), (-timedelta(seconds=1), False)],
)
def test_present__a_window_ends_also_by_a_clock_that_is_set_back(
    after: timedelta, same: bool
) -> None:
    known = present(None, event(), START)
    assert (present(known, event(), START + after) is known) is same
