"""What the proof `admin` asks of the store: one query a line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from models.decision import HoldKind
from models.work import Priority
from proxy.keeping.keeper import STEP_ROWS
from proxy.store.audit_port import AuditLog
from proxy.store.keeping_port import Keepable
from proxy.store.port import MemoryKind, Store
from tests.proofs.estate import Estate, Known
from tests.proofs.estate_values import INDEX
from tests.proxy.web.decided import DIGEST

INSTALLED_MS = 200
"""Of who installed a file: it may be one that everybody has."""

Query = Callable[[Store, Known, Estate], Awaitable[Any]]

QUERIES: dict[str, Query] = {
    "decision of a file": lambda s, k, _: s.decision_of(k.ref),
    "decision by id": lambda s, k, _: s.decision_by_id(k.decision_id),
    "decisions of a project": lambda s, k, _: s.decisions_of(INDEX, k.ref.project),
    "newest decisions": lambda s, _k, _e: s.decisions(limit=100),
    "newest served": lambda s, _k, _e: s.decisions(limit=100, action="SERVE"),
    "newest held": lambda s, _k, _e: s.decisions(limit=100, action="HOLD"),
    "newest denied": lambda s, _k, _e: s.decisions(limit=100, action="DENY"),
    "a page of current decisions": lambda s, _k, _e: s.current(limit=100),
    "newest of a project": lambda s, k, _: s.decisions(limit=100, project=k.ref.project),
    "decisions with some bytes": lambda s, k, _: s.decisions_with(k.ref.sha256),
    "extent": lambda s, _k, _e: s.extent(),
    "a page of all decisions": lambda s, k, _: s.standing(after=k.number, up_to=2**40, limit=100),
    "stale decisions, none": lambda s, _k, e: s.decisions_not_resting_on(
        e.policy, e.model, limit=20
    ),
    "stale decisions, all": lambda s, _k, e: s.decisions_not_resting_on(DIGEST, e.model, limit=20),
    "served files of a project": lambda s, k, _: s.served_files(INDEX, k.ref.project),
    "ended decisions": lambda s, _k, e: s.decisions_expired(e.now, limit=50),
    "generation": lambda s, _k, _e: s.generation(),
    "latest changes": lambda s, _k, _e: _latest_changes(s),
    "facts": lambda s, k, _: s.facts(k.facts_digest),
    "evidence": lambda s, k, _: s.evidence(k.evidence_digest),
    "latest evidence": lambda s, k, _: s.latest_evidence(k.ref.sha256, k.ref.filename),
    "dependencies": lambda s, k, _: s.dependencies_of(k.ref),
    "dependants": lambda s, k, _: s.dependants_of(k.ref.project, [k.ref.sha256], limit=100),
    "all overrides": lambda s, _k, _e: s.overrides(),
    "overrides of a project": lambda s, k, e: s.overrides(project=k.ref.project, active_at=e.now),
    "open jobs": lambda s, _k, _e: s.jobs(limit=100),
    "job of a file": lambda s, k, _: s.job_of(k.ref),
    "observed jobs": lambda s, _k, _e: s.observed_jobs(limit=100),
    "tokens": lambda s, _k, _e: s.tokens(),
    "newest fetches": lambda s, _k, _e: s.fetches(limit=100),
    "fetches of a file": lambda s, k, _: s.fetches(sha256=k.ref.sha256, limit=100),
    "fetch count of a file": lambda s, k, _: s.fetch_count(k.ref.sha256),
    "who installed the file that most have": lambda s, _k, e: s.fetches(
        sha256=e.known[0].ref.sha256, limit=1_000
    ),
    "fetch count of the file that most have": lambda s, _k, e: s.fetch_count(e.known[0].ref.sha256),
    "who has the file that most have": lambda s, _k, e: s.holders(
        [e.known[0].ref.sha256], limit=100
    ),
    "fetches of the file that most have": lambda s, _k, e: s.fetches_page(
        e.known[0].ref.sha256, limit=100
    ),
    "what turned bad": lambda s, _k, e: s.worsened(since=e.now - timedelta(days=30)),
    "files of a project": lambda s, k, _: s.refs_of(k.ref.project),
    "what waits for review": lambda s, _k, _e: s.waiting(HoldKind.REVIEW),
    "how many are held": lambda s, _k, _e: s.held_counts(),
    "a page of a project's files": lambda s, k, _: s.files_of(k.ref.project, limit=100),
    "history of a file": lambda s, k, _: s.history(k.ref, limit=100),
    "flow of a day": lambda s, _k, e: s.flow(since=e.now - timedelta(days=1)),
    "flow of a month": lambda s, _k, e: s.flow(since=e.now - timedelta(days=30)),
    "state of the queue": lambda s, _k, _e: s.queue_state(),
    "workers": lambda s, _k, _e: s.workers_seen(),
    "a page of overrides": lambda s, _k, e: s.overrides_page(active_at=e.now, limit=100),
    "requests": lambda s, _k, _e: s.requests(limit=100),
    "uses of an override": lambda s, _k, _e: s.override_uses("00000001"),
    "figures for /metrics": lambda s, _k, e: s.figures(e.now),
    "watched files": lambda s, _k, _e: s.watched(limit=100),
    "watched files that are due": lambda s, _k, e: s.watches_due(
        analysed_before=e.now - timedelta(days=7), queued_before=e.now - timedelta(days=1), limit=20
    ),
    "audit rows of people": lambda s, _k, _e: s.audit_before(AuditLog.ADMIN, limit=100),
    "newest audit rows": lambda s, _k, _e: s.audit(limit=100),
    "audit anchors": lambda s, _k, _e: s.audit_anchors(),
    "remembered owners": lambda s, k, _: s.remembered(INDEX, k.ref.project, MemoryKind.OWNERS),
    "page of a project": lambda s, k, _: s.page(INDEX, k.ref.project),
    "advisories about a project": lambda s, k, _: s.advisories_about(k.ref.project, k.ref.sha256),
    "put the same decision again": lambda s, k, _: _again(s, k),
    "enqueue what is decided": lambda s, k, e: _enqueue(s, k, now=e.now),
    "a step of keeping: fetches": lambda s, _k, e: s.sweep(
        Keepable.FETCHES, before=e.now - timedelta(days=300), limit=500, look=True
    ),
    "a step of keeping: decisions": lambda s, k, e: s.sweep(
        Keepable.DECISIONS, before=e.now, after=str(k.number), limit=200, look=True
    ),
    "a step of keeping: evidence": lambda s, k, e: s.sweep(
        Keepable.EVIDENCE, before=e.now, after=str(k.number), limit=200, look=True
    ),
    "a step of keeping: facts": lambda s, k, e: s.sweep(
        Keepable.FACTS, before=e.now, after=k.facts_digest, limit=200, look=True
    ),
    "a step of keeping: fetches go": lambda s, _k, e: s.sweep(
        Keepable.FETCHES, before=e.now - timedelta(days=300), limit=STEP_ROWS[Keepable.FETCHES]
    ),
}
"""What is asked of the store, with a file of the estate that chance picked."""
TARGETS_MS = {
    "who installed the file that most have": INSTALLED_MS,
    "who has the file that most have": INSTALLED_MS,
}
"""Queries that may take longer."""


async def _latest_changes(store: Store) -> None:
    await store.changes_since(await store.generation() - 100)


async def _again(store: Store, known: Known) -> None:
    decision = await store.decision_of(known.ref)
    assert decision is not None
    await store.put_decision(decision)


async def _enqueue(store: Store, known: Known, *, now: datetime) -> None:
    facts = await store.facts(known.facts_digest)
    assert facts is not None
    await store.enqueue(known.ref, size_bytes=1, facts=facts, priority=Priority.FILE, now=now)
