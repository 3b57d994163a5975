"""A store with decided files in it, of either kind, for whoever reads it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from models.artifact import ArtifactRef
from models.decision import Decision, Override
from models.evidence import Evidence
from models.facts import Facts
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from models.work import Priority
from policies.case import Case
from policies.evaluate import evaluate
from policies.policy import Policy
from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from proxy.store.sqlite import SqliteStore
from tests.models.examples import NOW, evidence, facts
from tests.policies.examples import policy
from tests.proxy.store.values import FakeClock

KINDS = ("memory", "sqlite")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Store]:
    """An empty store of a kind, which is closed at the end."""
    clock = FakeClock(NOW)
    store: Store = (
        MemoryStore(clock=clock)
        if kind == "memory"
        else SqliteStore.open(folder / "pratique.sqlite3", clock=clock)
    )
    try:
        yield store
    finally:
        await store.close()


async def put_evidence(store: Store, about: ArtifactRef, seen: Evidence) -> None:
    """Evidence as it comes: by a lease."""
    lease_id = f"lease-{about.sha256[:8]}-{seen.observed_at.timestamp()}-{len(seen.findings)}"
    await store.enqueue(about, size_bytes=1, facts=facts(about), priority=Priority.RESCAN, now=NOW)
    lease = await store.lease(worker="w1", lease_id=lease_id, now=NOW)
    assert lease is not None
    assert lease.ref == about
    await store.complete(lease_id, worker="w1", evidence=seen, blobs=(), now=NOW)


async def decide(
    store: Store,
    about: ArtifactRef,
    *,
    seen: Evidence | None = None,
    unseen: bool = False,
    told: Facts | None = None,
    overrides: tuple[Override, ...] = (),
    by: Policy | None = None,
    scorer: Scorer | None = None,
    as_of: datetime = NOW,
) -> Decision:
    """Store evidence (clean, where none is given), facts, policy and the decision that follows."""
    found = None if unseen else seen or evidence(about)
    known = told or facts(about)
    in_force = by or policy()
    if found is not None:
        await put_evidence(store, about, found)
    await store.put_facts(known)
    await store.put_policy(in_force.digest, in_force.text)
    for override in overrides:
        await store.add_override(override)
    case = Case(
        ref=about,
        as_of=as_of,
        facts=known,
        evidence=found,
        score=None if found is None else (scorer or RulesScorer()).score(found, known),
        overrides=overrides,
    )
    decision = evaluate(case, in_force)
    await store.put_decision(decision)
    return decision
