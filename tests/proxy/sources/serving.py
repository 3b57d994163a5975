"""A file made served, the way the desk does it: evidence first, then a decision on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.facts import Facts
from models.work import Priority
from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from tests.proxy.sources.asked import NOW
from tests.proxy.store.values import make_decision, make_evidence, make_facts


async def serve_file(store: MemoryStore, ref: ArtifactRef) -> None:
    """Let `store` hold a decision that serves `ref`."""
    facts = Facts(ref=ref, as_of=NOW)
    await store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=NOW)
    lease = await store.lease(worker="pi", lease_id=ref.filename, now=NOW)
    assert lease is not None
    evidence = make_evidence(ref)
    await store.complete(ref.filename, worker="pi", evidence=evidence, blobs=(), now=NOW)
    await store.put_decision(make_decision(ref, evidence=digest_of(evidence), as_of=NOW))


async def serve_in(store: Store, ref: ArtifactRef, now: datetime) -> None:
    """Enqueue, lease, complete and serve `ref`."""
    await store.enqueue(ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=now)
    await store.lease(worker="w", lease_id="l", now=now)
    seen = make_evidence(ref)
    await store.complete("l", worker="w", evidence=seen, blobs=(), now=now)
    decision = make_decision(ref)
    await store.put_decision(replace(decision, evidence_digest=digest_of(seen), as_of=now))
