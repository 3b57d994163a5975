"""From days that were set to moments, and what comes before what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proxy.keeping.periods import Periods
from proxy.store.keeping_port import Keepable
from tests.proxy.store.values import START

DAY = timedelta(days=1)


def test_cutoffs__of_nothing_set_let_go_of_orphans_alone() -> None:
    assert Periods().cutoffs(START) == ((Keepable.ORPHANS, START - DAY),)
    assert Periods().audit_before(START) is None


def test_cutoffs__come_in_an_order_in_which_what_names_others_goes_first() -> None:
    periods = Periods(
        fetches_days=100, evidence_days=90, traces_days=10, decisions_days=200, pages_days=5
    )
    assert periods.cutoffs(START) == (
        (Keepable.FETCHES, START - 100 * DAY),
        (Keepable.DECISIONS, START - 200 * DAY),
        (Keepable.EVIDENCE, START - 90 * DAY),
        (Keepable.FACTS, START - 90 * DAY),
        (Keepable.TRACES, START - 10 * DAY),
        (Keepable.ORPHANS, START - DAY),
        (Keepable.PAGES, START - 5 * DAY),
    )
    assert Periods(audit_days=30).audit_before(START) == START - 30 * DAY


@pytest.mark.parametrize(
    ("fetches", "decisions", "days"),
    [(400, 100, 400), (100, 400, 400), (0, 100, None), (100, 0, None)],
)
def test_cutoffs__a_decision_stays_as_long_as_fetch_records_that_name_it(
    fetches: int, decisions: int, days: int | None
) -> None:
    found = dict(Periods(fetches_days=fetches, decisions_days=decisions).cutoffs(START))
    assert found.get(Keepable.DECISIONS) == (None if days is None else START - days * DAY)
