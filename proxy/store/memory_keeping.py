"""The in-memory store's part of keeping: the same rules as in `sql.keeping`, over what it holds."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName
from models.canonical import Digest
from models.clock import Clock
from models.decision import Action, Decision, Override, TrustTier
from models.evidence import Evidence
from models.facts import Facts
from proxy.store import chain
from proxy.store.blobs import BlobKind, blobs_of_evidence, blobs_of_facts
from proxy.store.bounds import row_limit
from proxy.store.checks import check_sweep
from proxy.store.details import anchor_detail
from proxy.store.keeping_port import AuditAnchor, Keepable, KeepingPort, Swept
from proxy.store.memory_queue import MemoryQueue
from proxy.store.port import AuditRow, Fetch, StoredPage

_Going = tuple[Sequence[Any], Callable[[Any], object]]
"""What goes, and how one of it does."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MemoryHistory:
    """What of the store's own a sweep looks at; the very objects that the store works on."""

    decisions: list[Decision]
    recorded_at: list[datetime]
    current: dict[ArtifactRef, int]
    facts: dict[Digest, Facts]
    overrides: dict[str, Override]
    fetches: list[Fetch]
    pages: dict[tuple[IndexName, NormalizedName], StoredPage]
    audit: list[AuditRow]
    queue: MemoryQueue
    gone: set[int] = field(default_factory=set)
    """Places of decisions that went: the places of the others stay what they are."""


class MemoryKeeping(KeepingPort):
    """`KeepingPort` in memory; one step looks at everything there is."""

    def __init__(
        self, history: MemoryHistory, *, clock: Clock, append: Callable[[str, str, str, str], None]
    ) -> None:
        self._had = history
        self._now = clock
        self._append = append
        self._anchors: list[AuditAnchor] = []

    async def sweep(
        self, what: Keepable, *, before: datetime, after: str = "", limit: int, look: bool = False
    ) -> Swept:
        row_limit(limit)
        check_sweep(what, before, now=self._now())
        going, forget = self._ways()[what](before)
        size = sum(map(self._size, going)) if what in _WEIGHED else 0
        if not look:
            for key in going:
                forget(key)
        return Swept(gone=len(going), size_bytes=size, after=after, done=True)

    async def audit_to_archive(self, *, before: datetime, limit: int) -> tuple[AuditRow, ...]:
        begun = self._anchors[-1].number if self._anchors else 0
        rows = [row for row in self._had.audit[:-1] if row.number > begun]
        found = []
        for row in rows[: row_limit(limit)]:
            if row.at >= before:
                break
            found.append(row)
        return tuple(found)

    async def audit_anchors(self) -> tuple[AuditAnchor, ...]:
        return tuple(self._anchors)

    async def anchor_audit(self, anchor: AuditAnchor, *, actor: str) -> None:
        begun = self._anchors[-1].number if self._anchors else 0
        chained = any(
            (row.number, row.hash) == (anchor.number, anchor.hash) for row in self._had.audit[:-1]
        )
        if not chained or anchor.number <= begun:
            raise chain.refused_anchor(anchor.number)
        self._anchors.append(anchor)
        self._append(actor, "audit_archived", anchor.file, anchor_detail(anchor))

    async def drop_archived(self, *, limit: int) -> int:
        begun = self._anchors[-1].number if self._anchors else 0
        archived = [row for row in self._had.audit if row.number <= begun]
        went = len(archived[: row_limit(limit)])
        del self._had.audit[:went]
        return went

    async def reclaim(self, *, pages: int) -> int:  # noqa: ARG002 - the port's
        return 0

    def _ways(self) -> dict[Keepable, Callable[[datetime], _Going]]:
        return {
            Keepable.FETCHES: self._fetches,
            Keepable.DECISIONS: self._decisions,
            Keepable.EVIDENCE: self._evidence,
            Keepable.FACTS: self._facts,
            Keepable.TRACES: self._traces,
            Keepable.ORPHANS: self._orphans,
            Keepable.PAGES: self._pages,
        }

    def _fetches(self, before: datetime) -> _Going:
        return [one for one in self._had.fetches if one.at < before], self._had.fetches.remove

    def _decisions(self, before: datetime) -> _Going:
        had = self._had
        current = set(had.current.values())
        ended: set[ArtifactRef] = set()
        going: list[int] = []
        for place in range(len(had.decisions) - 1, -1, -1):
            if place in had.gone or had.recorded_at[place] >= before:
                continue
            ref = had.decisions[place].ref
            if ref in ended and place not in current:
                going.append(place)
            ended.add(ref)
        return going, had.gone.add

    def _evidence(self, before: datetime) -> _Going:
        had, queue = self._had, self._had.queue
        resting = {one.evidence_digest for one in self._needed_since(before)}
        kept = resting | queue.evidence_of_jobs() | queue.newest_trusted()
        bound = " ".join(
            f"{one.sha256} {one.bound}"
            for one in had.overrides.values()
            if (one.revoked_at or one.expires_at) >= before
        )
        going = [
            digest
            for digest, evidence in queue.evidence.items()
            if queue.posted_at(digest) < before
            and digest not in kept
            and evidence.sha256 not in bound
        ]
        return going, queue.forget_evidence

    def _facts(self, before: datetime) -> _Going:
        needed = {one.facts_digest for one in self._needed_since(before)}
        kept = needed | self._had.queue.facts_of_jobs()
        going = [
            digest
            for digest, facts in self._had.facts.items()
            if facts.as_of < before and digest not in kept
        ]
        return going, self._had.facts.__delitem__

    def _traces(self, before: datetime) -> _Going:
        queue = self._had.queue
        holders = self._holders()
        current = [self._had.decisions[place] for place in self._had.current.values()]
        watched = {one.evidence_digest for one in current if not _plainly_served(one)}
        going = [
            blob
            for blob in queue.blobs
            if (named := holders.get(blob))
            and all(
                kind is BlobKind.TRACE
                and queue.posted_at(holder) < before
                and holder not in watched
                for kind, holder in named
            )
        ]
        return going, queue.blobs.__delitem__

    def _orphans(self, before: datetime) -> _Going:
        queue, holders = self._had.queue, self._holders()
        going = [
            blob
            for blob in queue.blobs
            if blob not in holders and queue.blob_times.get(blob, LONG_AGO) < before
        ]
        return going, queue.blobs.__delitem__

    def _pages(self, before: datetime) -> _Going:
        decided = {(ref.index, ref.project) for ref in self._had.current}
        going = [
            key
            for key, page in self._had.pages.items()
            if page.fetched_at < before and key not in decided
        ]
        return going, self._had.pages.__delitem__

    def _needed_since(self, before: datetime) -> Iterable[Decision]:
        had = self._had
        current = set(had.current.values())
        for place, decision in enumerate(had.decisions):
            if place in current or (place not in had.gone and had.recorded_at[place] >= before):
                yield decision

    def _holders(self) -> dict[str, list[tuple[BlobKind, Digest]]]:
        named: dict[str, list[tuple[BlobKind, Digest]]] = {}
        evidence: dict[Digest, Evidence] = self._had.queue.evidence
        for holder, one in evidence.items():
            for kind, blob in blobs_of_evidence(one).items():
                named.setdefault(blob, []).append((kind, holder))
        for holder, facts in self._had.facts.items():
            for kind, blob in blobs_of_facts(facts).items():
                named.setdefault(blob, []).append((kind, holder))
        return named

    def _size(self, key: Any) -> int:
        page = self._had.pages.get(key)
        return len(page.body if page else self._had.queue.blobs[key])


_WEIGHED = (Keepable.TRACES, Keepable.ORPHANS, Keepable.PAGES)


def _plainly_served(decision: Decision) -> bool:
    return decision.action is Action.SERVE and decision.tier is TrustTier.APPROVE
