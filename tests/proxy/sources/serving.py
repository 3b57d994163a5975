"""A file that was analysed and is served, by the store's own ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from models.artifact import ArtifactRef
from models.canonical import digest_of
from models.work import Priority
from proxy.store.port import Store
from tests.proxy.store.values import make_decision, make_evidence, make_facts


async def serve_in(store: Store, ref: ArtifactRef, now: datetime) -> None:
    """Enqueue, lease, complete and serve `ref`."""
    await store.enqueue(ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=now)
    await store.lease(worker="w", lease_id="l", now=now)
    seen = make_evidence(ref)
    await store.complete("l", worker="w", evidence=seen, blobs=(), now=now)
    decision = make_decision(ref)
    await store.put_decision(replace(decision, evidence_digest=digest_of(seen), as_of=now))
