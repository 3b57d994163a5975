"""The port's contract, held against the SQLite store and its twin: what goes, and what never does."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.artifact import ArtifactRef
from models.canonical import Digest, digest_of, digest_of_bytes
from models.decision import Action, HoldKind, TrustTier
from models.errors import StoreConflict, ValueInvalid
from models.evidence import Evidence, Layer
from models.facts import Facts, FactSignal
from models.work import Priority
from proxy.sources.graph import TREE_SIGNAL
from proxy.store.blobs import GRAPH_SIGNAL
from proxy.store.bounds import EXPOSURE_DAYS
from proxy.store.keeping_port import AuditAnchor, Keepable, Swept
from proxy.store.port import AuditRow, Store
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import (
    PYPI,
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_fetch,
    make_override,
    make_page,
    make_ref,
    name,
)

DAY = timedelta(days=1)
YEARS = 800
TRACE, METADATA, GRAPH = b"a trace", b"core metadata", b"a graph"
TRACE_DIGEST = digest_of_bytes(TRACE)


async def sweep(store: Store, what: Keepable, before: datetime, *, look: bool = False) -> int:
    """All steps; how many rows went."""
    gone, after, done = 0, "", False
    while not done:
        step = await store.sweep(what, before=before, after=after, limit=2, look=look)
        gone, after, done = gone + step.gone, step.after, step.done
    return gone


async def analyse(
    store: Store, clock: FakeClock, ref: ArtifactRef, *, title: str = "x", worker: str = "pi"
) -> Evidence:
    """One analysis of a file: its evidence with a trace and metadata, stored and current."""
    evidence = replace(
        make_evidence(ref, title=title, observed_at=clock.now),
        trace_digest=digest_of_bytes(f"trace {title}".encode()),
        metadata_digest=digest_of_bytes(METADATA),
    )
    facts = make_facts(ref, as_of=clock.now)
    await store.enqueue(ref, size_bytes=1, facts=facts, priority=Priority.RESCAN, now=clock.now)
    lease_id = f"{worker} {title} {clock.now}"
    assert await store.lease(worker=worker, lease_id=lease_id, now=clock.now)
    blobs = [f"trace {title}".encode(), METADATA]
    await store.complete(
        lease_id,
        worker=worker,
        evidence=evidence,
        blobs=[(digest_of_bytes(data), data) for data in blobs],
        now=clock.now,
    )
    return evidence


async def decide(
    store: Store,
    clock: FakeClock,
    ref: ArtifactRef,
    evidence: Evidence,
    *,
    facts: Facts | None = None,
    action: Action = Action.SERVE,
    score: int = 90,
) -> None:
    decision = make_decision(
        ref,
        action=action,
        hold=HoldKind.REVIEW if action is Action.HOLD else None,
        score=score,
        evidence=digest_of(evidence),
        as_of=clock.now,
    )
    digest = await store.put_facts(facts) if facts else None
    await store.put_decision(replace(decision, facts_digest=digest))


def ago(clock: FakeClock, days: int) -> datetime:
    return clock.now - days * DAY


# -- fetch records -----------------------------------------------------------------------------
async def test_fetches__go_when_they_are_old_and_no_others(store: Store, clock: FakeClock) -> None:
    old = [make_fetch(agent=f"pip/{n}") for n in range(5)]
    await store.record_fetches(old)
    clock.advance(YEARS * 86_400)
    young = make_fetch(at=clock.now)
    await store.record_fetches([young])
    assert await sweep(store, Keepable.FETCHES, ago(clock, 100), look=True) == 5
    assert len(await store.fetches()) == 6
    assert await sweep(store, Keepable.FETCHES, ago(clock, 100)) == 5
    assert await store.fetches() == (young,)


async def test_fetches__of_the_exposure_window_stay_whatever_is_asked(
    store: Store, clock: FakeClock
) -> None:
    await store.record_fetches([make_fetch()])
    clock.advance(YEARS * 86_400)
    with pytest.raises(ValueInvalid, match=f"{EXPOSURE_DAYS} days"):
        await sweep(store, Keepable.FETCHES, ago(clock, EXPOSURE_DAYS - 1))
    assert len(await store.fetches()) == 1


@pytest.mark.parametrize("what", Keepable)
async def test_sweep__of_what_is_yet_to_come_is_refused(
    store: Store, clock: FakeClock, what: Keepable
) -> None:
    with pytest.raises(ValueInvalid):
        await sweep(store, what, clock.now + DAY)


@pytest.mark.parametrize("what", Keepable)
async def test_sweep__of_an_empty_store_is_done_at_once(
    store: Store, clock: FakeClock, what: Keepable
) -> None:
    step = await store.sweep(what, before=ago(clock, EXPOSURE_DAYS), limit=10)
    assert step == Swept(gone=0, size_bytes=0, after="", done=True)


# -- decisions ---------------------------------------------------------------------------------
async def test_decisions__only_those_replaced_before_the_moment_go(
    store: Store, clock: FakeClock
) -> None:
    ref, other = make_ref(), make_ref("other")
    first = make_decision(ref, action=Action.DENY)
    second = make_decision(ref, action=Action.HOLD, hold=HoldKind.REVIEW)
    third = make_decision(ref)
    lonely = make_decision(other)
    await store.put_decision(first)
    await store.put_decision(lonely)
    await store.put_decision(second)
    clock.advance(YEARS * 86_400)
    await store.put_decision(third)
    # The second was in force until just now; the lonely one still is.
    assert await sweep(store, Keepable.DECISIONS, ago(clock, 100)) == 1
    assert await store.decision_by_id(first.id) is None
    assert await store.decision_by_id(second.id) == second
    assert await store.decision_of(ref) == third
    assert await store.decision_of(other) == lonely
    assert await store.verify_audit() == 4


async def test_decisions__of_the_same_bytes_under_another_name_replace_nothing(
    store: Store, clock: FakeClock
) -> None:
    one, other = make_ref("demo", content="same"), make_ref("other", content="same")
    await store.put_decision(make_decision(one))
    await store.put_decision(make_decision(other))
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.DECISIONS, clock.now) == 0


# -- evidence and facts ------------------------------------------------------------------------
async def test_evidence__goes_once_a_newer_one_is_what_everything_rests_on(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    first = await analyse(store, clock, ref, title="first")
    await decide(store, clock, ref, first)
    clock.advance(86_400)
    second = await analyse(store, clock, ref, title="second")
    await decide(store, clock, ref, second)
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.EVIDENCE, ago(clock, 100), look=True) == 1
    assert await sweep(store, Keepable.EVIDENCE, ago(clock, 100)) == 1
    assert await store.evidence(digest_of(first)) is None
    assert await store.evidence(digest_of(second)) == second
    assert await store.latest_evidence(ref.sha256, ref.filename) == second


async def test_evidence__that_a_current_decision_rests_on_stays(
    store: Store, clock: FakeClock
) -> None:
    """Also where a newer one is there that no decision rests on yet."""
    ref = make_ref()
    first = await analyse(store, clock, ref, title="first")
    await decide(store, clock, ref, first)
    second = await analyse(store, clock, ref, title="second")
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.EVIDENCE, clock.now) == 0
    assert await store.evidence(digest_of(first)) == first
    assert await store.latest_evidence(ref.sha256, ref.filename) == second


async def test_evidence__that_a_decision_made_since_rests_on_stays(
    store: Store, clock: FakeClock
) -> None:
    """It was replaced, but its page is still to be read, and it is still to be replayed."""
    ref = make_ref()
    first = await analyse(store, clock, ref, title="first")
    clock.advance(YEARS * 86_400)
    await decide(store, clock, ref, first)
    second = await analyse(store, clock, ref, title="second")
    await decide(store, clock, ref, second)
    assert await sweep(store, Keepable.EVIDENCE, ago(clock, 100)) == 0


async def test_evidence__of_bytes_that_an_override_bound_stays_while_it_is_in_force(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    for title in ("first", "second"):
        await decide(store, clock, ref, await analyse(store, clock, ref, title=title))
    override = make_override("o1", created_at=clock.now, days=YEARS + 50)
    await store.add_override(replace(override, bound=(ref.sha256,)))
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.EVIDENCE, ago(clock, 100)) == 0
    clock.advance(200 * 86_400)
    assert await sweep(store, Keepable.EVIDENCE, ago(clock, 100)) == 1


async def test_evidence__the_newest_of_a_trusted_worker_stays_though_nothing_rests_on_it(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    trusted = await analyse(store, clock, ref, title="first", worker="pi")
    await decide(store, clock, ref, trusted)
    doubtful = await analyse(store, clock, ref, title="second", worker="ghost")
    await decide(store, clock, ref, doubtful)
    await store.distrust_worker("ghost")
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.EVIDENCE, clock.now) == 0
    assert await store.latest_evidence(ref.sha256, ref.filename) == trusted


async def test_evidence__that_went_takes_its_blobs_but_those_that_others_name(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    for title in ("first", "second"):
        await decide(store, clock, ref, await analyse(store, clock, ref, title=title))
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.ORPHANS, clock.now) == 0
    await sweep(store, Keepable.EVIDENCE, clock.now)
    assert await sweep(store, Keepable.ORPHANS, clock.now) == 1
    assert await store.blob(digest_of_bytes(b"trace first")) is None
    assert await store.blob(digest_of_bytes(b"trace second"))
    assert await store.blob(digest_of_bytes(METADATA)) == METADATA


def graph_facts(ref: ArtifactRef, as_of: datetime, graph: Digest) -> Facts:
    signal = FactSignal(name=TREE_SIGNAL, layer=Layer.PROVENANCE, value=graph, source="graph")
    return replace(make_facts(ref, as_of=as_of), signals=(signal,))


def test_graph_signal__is_called_the_same_above_and_below() -> None:
    assert GRAPH_SIGNAL == TREE_SIGNAL


async def test_facts__go_with_their_graph_once_no_decision_rests_on_them(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    evidence = await analyse(store, clock, ref)
    graphs = [b"first graph", b"second graph"]
    stored = []
    for graph in graphs:
        await store.put_blob(digest_of_bytes(graph), graph)
        stored.append(graph_facts(ref, clock.now, digest_of_bytes(graph)))
        await decide(store, clock, ref, evidence, facts=stored[-1])
        clock.advance(86_400)
    clock.advance(YEARS * 86_400)
    assert await sweep(store, Keepable.FACTS, clock.now) == 1
    assert await store.facts(digest_of(stored[0])) is None
    assert await store.facts(digest_of(stored[1])) == stored[1]
    assert await sweep(store, Keepable.ORPHANS, clock.now) == 1
    assert await store.blob(digest_of_bytes(graphs[0])) is None
    assert await store.blob(digest_of_bytes(graphs[1])) == graphs[1]


async def test_facts__of_a_decision_made_since_and_of_a_job_stay(
    store: Store, clock: FakeClock
) -> None:
    ref = make_ref()
    evidence = await analyse(store, clock, ref)  # the job has facts of its own
    facts = replace(make_facts(ref), size_bytes=7)
    clock.advance(YEARS * 86_400)
    await decide(store, clock, ref, evidence, facts=facts)
    await store.put_decision(make_decision(ref, evidence=digest_of(evidence)))
    assert await sweep(store, Keepable.FACTS, ago(clock, 100)) == 0
    assert await store.facts(digest_of(facts)) == facts
    assert await store.facts(digest_of(make_facts(ref))) is not None


# -- blobs -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "score", "stays"),
    [
        (Action.SERVE, 90, False),
        (Action.SERVE, 70, True),
        (Action.HOLD, 50, True),
        (Action.DENY, 10, True),
    ],
    ids=["approved", "under watch", "held", "denied"],
)
async def test_traces__go_but_those_that_somebody_may_still_look_at(
    store: Store, clock: FakeClock, action: Action, score: int, stays: bool
) -> None:
    ref = make_ref()
    evidence = await analyse(store, clock, ref)
    await decide(store, clock, ref, evidence, action=action, score=score)
    assert TrustTier.of(70) is TrustTier.MONITOR
    clock.advance(YEARS * 86_400)
    step = await store.sweep(Keepable.TRACES, before=ago(clock, 100), limit=10)
    assert (step.gone, step.size_bytes) == ((0, 0) if stays else (1, len("trace x")))
    assert evidence.trace_digest is not None
    assert (await store.blob(evidence.trace_digest) is not None) is stays
    assert await store.blob(digest_of_bytes(METADATA)) == METADATA
    assert await store.evidence(digest_of(evidence)) == evidence


async def test_traces__of_young_evidence_stay(store: Store, clock: FakeClock) -> None:
    ref = make_ref()
    await decide(store, clock, ref, await analyse(store, clock, ref))
    clock.advance(50 * 86_400)
    assert await sweep(store, Keepable.TRACES, ago(clock, 60)) == 0


async def test_orphans__that_were_just_put_stay_until_something_may_name_them(
    store: Store, clock: FakeClock
) -> None:
    await store.put_blob(TRACE_DIGEST, TRACE)
    clock.advance(50 * 86_400)
    await store.put_blob(TRACE_DIGEST, TRACE)  # the same again: somebody is about to name it
    assert await sweep(store, Keepable.ORPHANS, ago(clock, 1)) == 0
    clock.advance(2 * 86_400)
    assert await sweep(store, Keepable.ORPHANS, ago(clock, 1)) == 1
    assert await store.blob(TRACE_DIGEST) is None


# -- pages -------------------------------------------------------------------------------------
async def test_pages__of_projects_with_a_decision_stay(store: Store, clock: FakeClock) -> None:
    await store.put_page(make_page("demo", body=b"1234"))
    await store.put_page(make_page("other", body=b"123"))
    await store.put_page(replace(make_page("young"), fetched_at=START + 50 * DAY))
    await store.put_decision(make_decision(make_ref("demo")))
    clock.advance(100 * 86_400)
    step = await store.sweep(Keepable.PAGES, before=ago(clock, 60), limit=10)
    assert (step.gone, step.size_bytes) == (1, 3)
    assert await store.page(PYPI, name("other")) is None
    assert await store.page(PYPI, name("demo")) is not None
    assert await store.page(PYPI, name("young")) is not None


# -- the audit log -----------------------------------------------------------------------------
async def rows_of(store: Store, clock: FakeClock, count: int = 6) -> tuple[AuditRow, ...]:
    for number in range(count):
        await store.append_audit(actor="a", action="b", subject=str(number), detail="{}")
        clock.advance(86_400)
    return (await store.audit())[::-1]


def anchor_of(row: AuditRow, at: datetime = START) -> AuditAnchor:
    return AuditAnchor(number=row.number, hash=row.hash, at=at, file="a.jsonl", sha256="ab" * 32)


async def test_audit__the_oldest_rows_are_archived_up_to_a_moment_and_never_the_newest(
    store: Store, clock: FakeClock
) -> None:
    rows = await rows_of(store, clock)
    assert await store.audit_to_archive(before=rows[3].at, limit=100) == rows[:3]
    assert await store.audit_to_archive(before=clock.now, limit=2) == rows[:2]
    assert await store.audit_to_archive(before=clock.now, limit=100) == rows[:5]


async def test_audit__the_chain_begins_after_its_anchor(store: Store, clock: FakeClock) -> None:
    rows = await rows_of(store, clock)
    await store.anchor_audit(anchor_of(rows[3]), actor="keeping")
    assert await store.audit_anchors() == (anchor_of(rows[3]),)
    assert (await store.audit())[0].action == "audit_archived"
    assert await store.drop_archived(limit=3) == 3
    assert await store.verify_audit() == 7
    assert await store.drop_archived(limit=3) == 1
    assert await store.drop_archived(limit=3) == 0
    await store.append_audit(actor="a", action="b", subject="c", detail="{}")
    assert await store.verify_audit() == 8
    assert [row.number for row in await store.audit()] == [8, 7, 6, 5]
    assert await store.audit_to_archive(before=clock.now, limit=1) == rows[4:5]


async def test_audit__nothing_goes_without_an_anchor(store: Store, clock: FakeClock) -> None:
    await rows_of(store, clock)
    assert await store.drop_archived(limit=100) == 0
    assert await store.verify_audit() == 6


@pytest.mark.parametrize("which", ["the newest", "of another hash", "not there", "an earlier one"])
async def test_audit__an_anchor_is_a_row_of_the_chain_and_moves_forward(
    store: Store, clock: FakeClock, which: str
) -> None:
    rows = await rows_of(store, clock)
    await store.anchor_audit(anchor_of(rows[2]), actor="keeping")
    newest = (await store.audit())[0]
    wrong = {
        "the newest": anchor_of(newest),
        "of another hash": replace(anchor_of(rows[4]), hash="0" * 64),
        "not there": replace(anchor_of(rows[4]), number=99),
        "an earlier one": anchor_of(rows[1]),
    }
    with pytest.raises(StoreConflict):
        await store.anchor_audit(wrong[which], actor="keeping")
    assert len(await store.audit_anchors()) == 1
    assert await store.verify_audit() == 7


# -- the file's own guards ---------------------------------------------------------------------
async def populated(store: SqliteStore, clock: FakeClock) -> None:
    """Old rows of every guarded kind, some of which went by the one way there is."""
    ref = make_ref()
    await store.record_fetches([make_fetch(), make_fetch()])
    for title in ("first", "second", "third"):
        evidence = await analyse(store, clock, ref, title=title)
        await decide(store, clock, ref, evidence)
        clock.advance(86_400)
    rows = (await store.audit())[::-1]
    await store.anchor_audit(anchor_of(rows[0]), actor="keeping")
    await store.drop_archived(limit=10)


@pytest.mark.parametrize("table", ["audit", "decisions", "evidence", "fetches"])
async def test_guards__let_nothing_go_that_no_rule_let_go(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock, table: str
) -> None:
    await populated(sqlite_store, clock)
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(f"DELETE FROM {table}")  # noqa: S608 - a table of ours
    raw.close()


@pytest.mark.parametrize("table", ["decisions", "evidence"])
async def test_guards__keep_what_is_in_force_even_after_history_went(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock, table: str
) -> None:
    await populated(sqlite_store, clock)
    clock.advance(YEARS * 86_400)
    for what in (Keepable.DECISIONS, Keepable.EVIDENCE):
        assert await sweep(sqlite_store, what, ago(clock, 100)) == 2
    raw = sqlite3.connect(path, isolation_level=None)
    assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(f"DELETE FROM {table}")  # noqa: S608 - a table of ours
    raw.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE kept_since SET at = at - 1",
        "DELETE FROM kept_since",
        "UPDATE audit_anchors SET hash = ''",
        "DELETE FROM audit_anchors",
        "INSERT INTO audit_anchors SELECT max(number), hash, 0, '', '' FROM audit",
        "INSERT INTO audit_anchors VALUES (2, 'made up', 0, '', '')",
    ],
)
async def test_guards__cannot_be_moved_back_or_made_up(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock, sql: str
) -> None:
    await populated(sqlite_store, clock)
    clock.advance(YEARS * 86_400)
    await sweep(sqlite_store, Keepable.FETCHES, ago(clock, 100))
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(sql)
    raw.close()


async def test_sweep__looks_at_no_more_rows_than_it_was_told(
    sqlite_store: SqliteStore, clock: FakeClock
) -> None:
    await sqlite_store.record_fetches([make_fetch() for _ in range(7)])
    clock.advance(YEARS * 86_400)
    steps = []
    after, done = "", False
    while not done:
        step = await sqlite_store.sweep(
            Keepable.FETCHES, before=ago(clock, 100), after=after, limit=3
        )
        steps.append(step.gone)
        after, done = step.after, step.done
    assert steps == [3, 3, 1]


async def test_reclaim__gives_free_pages_back_in_steps(
    sqlite_store: SqliteStore, path: Path, clock: FakeClock
) -> None:
    for number in range(40):
        data = bytes([number]) * 8_192
        await sqlite_store.put_blob(digest_of_bytes(data), data)
    clock.advance(YEARS * 86_400)
    assert await sweep(sqlite_store, Keepable.ORPHANS, clock.now) == 40
    raw = sqlite3.connect(path)
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    left = [await sqlite_store.reclaim(pages=16)]
    while left[-1]:
        left.append(await sqlite_store.reclaim(pages=16))
    assert len(left) > 2
    assert left == sorted(left, reverse=True)
    (fewer,) = raw.execute("PRAGMA page_count").fetchone()
    assert fewer < pages - 40
    raw.close()
