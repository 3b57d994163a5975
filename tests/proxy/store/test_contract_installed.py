"""The port's contract: who has which bytes, what turned for the worse, the audit log as a list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from msgspec import structs

from models.decision import Action, HoldKind
from proxy.store.audit_port import AuditLog
from proxy.store.installed_port import Holder, Holders
from proxy.store.port import Store
from tests.proxy.store.values import (
    LOCAL,
    START,
    FakeClock,
    make_decision,
    make_fetch,
    make_ref,
    name,
    sha,
    waiting,
)

HOUR = timedelta(hours=1)


async def test_record_fetches__keeps_the_groups_of_that_time(store: Store) -> None:
    fetch = structs.replace(make_fetch(), groups=("ci", "web"))
    await store.record_fetches([fetch, make_fetch()])
    assert await store.fetches() == (make_fetch(), fetch)


async def test_holders__one_row_for_each_client_the_last_one_first(store: Store) -> None:
    ref, copy = make_ref(), make_ref("other", content=make_ref().filename)
    assert ref.sha256 == copy.sha256
    fetch = make_fetch(ref)
    await store.record_fetches(
        [
            fetch,
            structs.replace(fetch, at=START + HOUR, status=206),
            structs.replace(fetch, ref=copy, at=START + 2 * HOUR),
            structs.replace(fetch, requester="ci", address="192.0.2.9", at=START + 5 * HOUR),
            structs.replace(fetch, groups=("web",), at=START + 4 * HOUR),
            make_fetch(make_ref("unrelated")),
        ]
    )
    found = await store.holders([ref.sha256])
    assert (found.count, found.fetches) == (3, 5)
    assert [(row.requester, row.groups, row.fetches) for row in found.rows] == [
        ("ci", (), 1),
        ("laptop", ("web",), 1),
        ("laptop", (), 3),
    ]
    assert found.rows[2] == Holder(
        sha256=ref.sha256,
        requester="laptop",
        groups=(),
        address="192.0.2.7",
        fetches=3,
        whole=2,
        parts=1,
        first_at=START,
        last_at=START + 2 * HOUR,
    )


async def test_holders__are_cut_and_counted_all_the_same(store: Store) -> None:
    ref = make_ref()
    await store.record_fetches(
        [structs.replace(make_fetch(ref), requester=f"t{n}") for n in range(5)]
    )
    found = await store.holders([ref.sha256], limit=2)
    assert ([row.requester for row in found.rows], found.count, found.fetches) == (
        ["t0", "t1"],
        5,
        5,
    )
    assert await store.holders([ref.sha256], limit=0) == Holders(rows=(), count=5, fetches=5)
    assert await store.holders([]) == Holders(rows=(), count=0, fetches=0)
    assert await store.holders([sha("unknown")]) == Holders(rows=(), count=0, fetches=0)


async def test_refs_of__is_every_file_of_a_project_on_any_index(store: Store) -> None:
    refs = [make_ref(version="2.0"), make_ref(index=LOCAL), make_ref()]
    for ref in (*refs, make_ref("other")):
        await store.put_decision(make_decision(ref))
    assert await store.refs_of(name("demo")) == (refs[1], refs[2], refs[0])
    assert await store.refs_of(name("none")) == ()


async def test_worsened__what_was_served_and_is_not_any_more(
    store: Store, clock: FakeClock
) -> None:
    served, held = make_decision(), make_decision(action=Action.HOLD, hold=HoldKind.REVIEW)
    await store.put_decision(make_decision(make_ref("never"), action=Action.DENY))
    await store.put_decision(served)
    clock.advance(3600)
    await store.put_decision(held)
    await store.put_decision(make_decision(action=Action.DENY))
    other = make_decision(make_ref("other"))
    await store.put_decision(other)
    clock.advance(3600)
    refused = make_decision(make_ref("other"), action=Action.DENY)
    await store.put_decision(refused)
    newest, oldest = await store.worsened(since=START)
    assert (oldest.decision, oldest.served, oldest.at) == (held, served, START + HOUR)
    assert (newest.decision, newest.served, newest.at) == (refused, other, START + 2 * HOUR)
    assert await store.worsened(since=START + 2 * HOUR) == (newest,)
    assert await store.worsened(since=START, before=newest.number) == (oldest,)
    assert await store.worsened(since=START, limit=1) == (newest,)


async def test_worsened__while_it_is_analysed_again_nothing_is_known(
    store: Store, clock: FakeClock
) -> None:
    bad, good = make_ref("bad"), make_ref("good")
    for ref in (bad, good):
        await store.put_decision(make_decision(ref))
        await store.put_decision(waiting(ref))
        await store.put_decision(waiting(ref, as_of=START + HOUR))
    assert await store.worsened(since=START) == ()
    clock.advance(60)
    await store.put_decision(make_decision(good, score=85))
    denied = make_decision(bad, action=Action.DENY)
    await store.put_decision(denied)
    await store.put_decision(make_decision(good, score=86))
    (found,) = await store.worsened(since=START)
    assert (found.decision, found.served) == (denied, make_decision(bad))
    assert found.at == clock.now


async def test_audit_rows__two_logs_in_pages_from_either_end(
    store: Store, clock: FakeClock
) -> None:
    for number in range(3):
        await store.put_decision(make_decision(make_ref(version=f"{number}.0")))
        await store.append_audit(actor="a", action="b", subject=str(number), detail="{}")
        clock.advance(3600)
    every = await store.audit_rows(limit=100)
    assert [row.number for row in every] == [1, 2, 3, 4, 5, 6]
    decided = await store.audit_rows(AuditLog.DECISIONS, limit=100)
    admin = await store.audit_rows(AuditLog.ADMIN, limit=100)
    assert [row.number for row in decided] == [1, 3, 5]
    assert [row.number for row in admin] == [2, 4, 6]
    assert await store.audit_rows(after=2, limit=2) == every[2:4]
    assert await store.audit_before(limit=100) == every[::-1]
    assert await store.audit_before(AuditLog.ADMIN, before=6, limit=1) == (admin[1],)
    assert await store.audit_rows(since=START + HOUR, until=START + 2 * HOUR, limit=9) == every[2:4]


async def test_worsened__what_went_out_unjudged_and_was_refused_then(store: Store) -> None:
    """Where nothing is enforced; of what nobody fetched there is nothing to tell."""
    for version in ("1.0", "2.0", "3.0"):
        ref = make_ref("demo", version)
        await store.put_decision(waiting(ref))
        if version != "3.0":
            await store.record_fetches([make_fetch(ref)])
        served = version == "2.0"
        after = make_decision(ref) if served else make_decision(ref, action=Action.DENY, score=10)
        await store.put_decision(after)
        await store.put_decision(replace(after, as_of=START + timedelta(hours=1)))
    (turned,) = await store.worsened(since=START)
    assert turned.decision.ref.version == "1.0"
    assert turned.served == waiting(make_ref("demo", "1.0"))
