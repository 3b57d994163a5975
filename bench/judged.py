"""Files that a store knows as judged and approved, without a sandbox having seen them.

What one real analysis left (facts, evidence, decision) is put in for each, under its own name and sha256,
by the store's own operations and in their order. So a proxy finds what it finds after an analysis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.artifact import ArtifactRef
from models.canonical import digest_of, digest_of_bytes
from models.clock import Clock, utc_now
from models.decision import Action
from models.work import Priority
from proxy.store.sqlite import SqliteStore

WORKER = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A file to be approved."""

    ref: ArtifactRef
    size_bytes: int
    metadata: bytes = b""
    """Its core metadata, which an analysis takes out of a wheel; empty: none."""


def approve(
    database: Path, like: ArtifactRef, files: Sequence[Judged], *, clock: Clock = utc_now
) -> None:
    """Approve `files` as `like` is approved. Nobody else may write.

    Raises ValueError where `like` is not served on evidence.
    """
    asyncio.run(_approve(database, like, files, clock))


async def _approve(
    database: Path, like: ArtifactRef, files: Sequence[Judged], clock: Clock
) -> None:
    store = SqliteStore.open(database, clock=clock)
    try:
        model = await store.decision_of(like)
        if model is None or model.action is not Action.SERVE or model.evidence_digest is None:
            raise ValueError(f"{like.filename} is not approved")
        evidence = await store.evidence(model.evidence_digest)
        facts = await store.facts(model.facts_digest) if model.facts_digest else None
        if evidence is None or facts is None:
            raise ValueError(f"what {like.filename} was judged by is not in the store")
        for number, file in enumerate(files):
            if file.ref == like:
                continue
            name, told = f"bench-{number}", replace(facts, ref=file.ref, size_bytes=file.size_bytes)
            seen = replace(
                evidence,
                sha256=file.ref.sha256,
                filename=file.ref.filename,
                size_bytes=file.size_bytes,
                metadata_digest=digest_of_bytes(file.metadata) if file.metadata else None,
            )
            blobs = [(seen.metadata_digest, file.metadata)] if seen.metadata_digest else []
            await store.enqueue(
                file.ref,
                size_bytes=file.size_bytes,
                facts=told,
                priority=Priority.FILE,
                now=clock(),
            )
            lease = await store.lease(worker=WORKER, lease_id=name, now=clock())
            assert lease is not None
            assert lease.ref == file.ref, "the queue was not empty"
            await store.complete(name, worker=WORKER, evidence=seen, blobs=blobs, now=clock())
            decided = replace(
                model,
                ref=file.ref,
                evidence_digest=digest_of(seen),
                facts_digest=digest_of(told),
            )
            await store.put_decision(decided)
    finally:
        await store.close()
