"""A file made served, the way the desk does it: evidence first, then a decision on it."""

from __future__ import annotations

from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.facts import Facts
from models.work import Priority
from proxy.store.memory import MemoryStore
from tests.proxy.sources.asked import NOW
from tests.proxy.store.values import make_decision, make_evidence


async def serve_file(store: MemoryStore, ref: ArtifactRef) -> None:
    """Let `store` hold a decision that serves `ref`."""
    facts = Facts(ref=ref, as_of=NOW)
    await store.enqueue(ref, size_bytes=5, facts=facts, priority=Priority.FILE, now=NOW)
    lease = await store.lease(worker="pi", lease_id=ref.filename, now=NOW)
    assert lease is not None
    evidence = make_evidence(ref)
    await store.complete(ref.filename, worker="pi", evidence=evidence, blobs=(), now=NOW)
    await store.put_decision(make_decision(ref, evidence=digest_of(evidence), as_of=NOW))
