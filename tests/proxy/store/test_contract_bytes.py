"""The port's contract, held against the SQLite store and its twin: which bytes must stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from models.decision import OverrideAction
from models.work import Priority
from proxy.store.departures_port import Departure
from proxy.store.port import Store
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_facts,
    make_fetch,
    make_override,
    make_ref,
    sha,
)

ONE, TWO = make_ref("demo", "1.0"), make_ref("demo", "2.0")


async def test_bytes_needed__what_no_index_has_any_more(store: Store, clock: FakeClock) -> None:
    await store.depart([Departure(ref=ONE, since=START, entry=b"{}")])
    assert await store.bytes_needed(clock()) == {ONE.sha256}


async def test_bytes_needed__what_waits_for_its_analysis(store: Store, clock: FakeClock) -> None:
    await store.enqueue(
        ONE, size_bytes=1, facts=make_facts(ONE), priority=Priority.FILE, now=clock()
    )
    assert await store.bytes_needed(clock()) == {ONE.sha256}
    await store.put_decision(make_decision(ONE))
    assert await store.bytes_needed(clock()) == frozenset()


async def test_bytes_needed__what_an_override_in_force_allows(
    store: Store, clock: FakeClock
) -> None:
    bound = replace(make_override("o1", action=OverrideAction.ALLOW), bound=(sha("a"), sha("b")))
    denied = make_override("o2", action=OverrideAction.DENY, sha256=sha("c"))
    await store.add_overrides([bound, denied])
    assert await store.bytes_needed(clock()) == {sha("a"), sha("b")}
    assert await store.bytes_needed(bound.expires_at + timedelta(seconds=1)) == frozenset()


async def test_last_fetched__the_newest_of_each(store: Store) -> None:
    later = START + timedelta(hours=2)
    await store.record_fetches([make_fetch(ONE, at=later), make_fetch(ONE, at=START)])
    assert await store.last_fetched([ONE.sha256, TWO.sha256]) == {ONE.sha256: later}
