"""The SQLite store's twin in memory: the same answers to the same calls, gone with the process."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest
from models.clock import Clock
from models.decision import Decision, Override
from models.errors import StoreConflict, StoreError
from models.evidence import Evidence
from models.facts import Facts
from models.work import Job, Lease, Priority
from proxy.admin.events import Event
from proxy.store import chain
from proxy.store.bounds import (
    DEPENDENCIES_MAX,
    INDEXES_SEEN_MAX,
    MEMORY_ROWS_MAX,
    OPEN_JOBS_MAX,
    row_limit,
)
from proxy.store.checks import (
    check_blob,
    check_last_admin,
    check_override,
    check_policy,
    check_remembered,
    check_setup,
    check_token,
    clean_fetches,
    clean_page,
    pick_token,
)
from proxy.store.codec import digest_of_text, encode, micros
from proxy.store.details import decision_detail, import_detail, override_detail, token_detail
from proxy.store.keeping_port import AuditAnchor, Keepable, Swept
from proxy.store.memory_access import MemoryAccess
from proxy.store.memory_advisories import MemoryAdvisories
from proxy.store.memory_departures import MemoryDepartures
from proxy.store.memory_exceptions import MemoryExceptions
from proxy.store.memory_keeping import MemoryHistory, MemoryKeeping
from proxy.store.memory_origins import MemoryOrigins
from proxy.store.memory_pages import MemoryPages
from proxy.store.memory_policy import MemoryPolicy
from proxy.store.memory_queue import MemoryQueue
from proxy.store.port import (
    GATE,
    AdvisoryChange,
    AuditRow,
    Change,
    Dependency,
    Extent,
    Feed,
    FeedImport,
    Fetch,
    MemoryKind,
    Remembered,
    Served,
    Standing,
    Store,
    StoredPage,
    Token,
    TokenKind,
)


class MemoryStore(
    MemoryDepartures,
    MemoryAccess,
    MemoryExceptions,
    MemoryOrigins,
    MemoryPages,
    MemoryPolicy,
    Store,
):
    """`proxy.store.port.Store` in memory, for tests and for a look without a trace.

    No method awaits anything, so each is one transaction; each checks before it changes anything.
    Closing it keeps what it holds, so that a test can restart what stands on it.
    """

    def __init__(self, *, clock: Clock, open_jobs_max: int = OPEN_JOBS_MAX) -> None:
        super().__init__()
        self._clock = clock
        self._queue = MemoryQueue(open_jobs_max=open_jobs_max)
        self._history: list[Decision] = []
        self._recorded_at: list[datetime] = []
        self._current: dict[ArtifactRef, int] = {}
        """Where in the history the current decision of a ref stands."""
        self._generation = 0
        self._changes: dict[tuple[IndexName, NormalizedName], int] = {}
        self._indexes: set[IndexName] = set()
        self._seen: set[IndexName] = set()
        self._facts: dict[Digest, Facts] = {}
        self._policies: dict[Digest, str] = {}
        self._overrides: dict[str, Override] = {}
        self._dependencies: dict[ArtifactRef, tuple[Dependency, ...]] = {}
        self._tokens: dict[str, Token] = {}
        self._fetches: list[Fetch] = []
        self._audit: list[AuditRow] = []
        self._pages: dict[tuple[IndexName, NormalizedName], StoredPage] = {}
        self._memory: dict[
            tuple[IndexName, NormalizedName, MemoryKind], dict[Sha256, Remembered]
        ] = {}
        self._advisories = MemoryAdvisories(self._refs_alive)
        self._kept = MemoryHistory(
            decisions=self._history,
            recorded_at=self._recorded_at,
            current=self._current,
            facts=self._facts,
            overrides=self._overrides,
            fetches=self._fetches,
            pages=self._pages,
            audit=self._audit,
            queue=self._queue,
        )
        self._keeping = MemoryKeeping(self._kept, clock=clock, append=self._append_audit)

    async def close(self) -> None:
        return

    # -- decisions ---------------------------------------------------------------------------
    async def put_decision(
        self, decision: Decision, *, actor: str = "judge", telling: Sequence[Event] = ()
    ) -> None:
        detail = decision_detail(
            decision, decision_id=decision.id, digest=digest_of_text(encode(decision))
        )
        for moment in (decision.as_of, decision.expires_at):
            micros(moment or decision.as_of)
        current = self._currently(decision.ref)
        if actor == GATE and current is not None:
            return
        if current != decision:
            self._append_audit(actor, "decision_made", decision.ref.key, detail)
            before = self._current.get(decision.ref)
            self._history.append(decision)
            self._recorded_at.append(self._clock())
            self._current[decision.ref] = len(self._history) - 1
            self._note_decision(decision, None if before is None else before + 1)
            self._touch(decision.ref.index, decision.ref.project)
            self._follow_decision(decision, current.action if current else None)
            self._tell_all(telling)
        self._queue.settle(decision, now=self._clock())

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        if len(self._seen) < INDEXES_SEEN_MAX:
            self._seen.add(index)
        return tuple(
            decision
            for decision in self._newest()
            if (decision.ref.index, decision.ref.project) == (index, project)
        )

    async def decision_of(self, ref: ArtifactRef) -> Decision | None:
        return self._currently(ref)

    async def decision_by_id(self, decision_id: str) -> Decision | None:
        found = (
            decision
            for place, decision in reversed(list(enumerate(self._history)))
            if decision.id == decision_id and place not in self._kept.gone
        )
        return next(found, None)

    async def decisions(
        self, *, limit: int = 100, action: str = "", project: str = ""
    ) -> tuple[Decision, ...]:
        found = [
            decision
            for decision in self._newest()
            if action in ("", decision.action) and project in ("", decision.ref.project)
        ]
        return tuple(found[: row_limit(limit)])

    async def decisions_with(self, sha256: Sha256) -> tuple[Decision, ...]:
        return tuple(found for found in self._newest() if found.ref.sha256 == sha256)

    async def extent(self) -> Extent:
        places = self._current.values()
        return Extent(count=len(places), newest=max(places, default=-1) + 1)

    async def standing(self, *, after: int, up_to: int, limit: int) -> tuple[Standing, ...]:
        numbers = sorted(place + 1 for place in self._current.values() if after <= place < up_to)
        return tuple(
            Standing(number=number, decision=self._history[number - 1])
            for number in numbers[: row_limit(limit)]
        )

    async def decisions_not_resting_on(
        self, policy_digest: Digest, model_digest: Digest, *, limit: int
    ) -> tuple[Decision, ...]:
        found = [
            decision
            for decision in self._newest()
            if decision.policy_digest != policy_digest
            or (decision.score is not None and decision.score.model_digest != model_digest)
        ]
        return tuple(found[: row_limit(limit)])

    async def decisions_by_worker(self, worker: str) -> tuple[Decision, ...]:
        theirs = self._queue.evidence_by(worker)
        return tuple(found for found in self._newest() if found.evidence_digest in theirs)

    async def served_files(self, index: IndexName, project: NormalizedName) -> tuple[Served, ...]:
        trusted = self._queue.trusted_evidence()
        return tuple(
            Served(ref=decision.ref, evidence_digest=decision.evidence_digest)
            for decision in self._newest()
            if (decision.ref.index, decision.ref.project) == (index, project)
            and decision.served
            and decision.evidence_digest is not None
            and decision.evidence_digest in trusted
        )

    async def decisions_expired(self, as_of: datetime, *, limit: int) -> tuple[Decision, ...]:
        ended = [
            (decision.expires_at, self._current[decision.ref], decision)
            for decision in self._newest()
            if decision.expires_at is not None and decision.expires_at <= as_of
        ]
        ordered = sorted(ended, key=lambda entry: entry[:2])
        return tuple(decision for _, _, decision in ordered[: row_limit(limit)])

    async def generation(self) -> int:
        return self._generation

    async def changes_since(
        self, generation: int, *, limit: int | None = None
    ) -> tuple[Change, ...]:
        return tuple(one for one in self._changed() if one.generation > generation)[:limit]

    async def changes_before(self, generation: int, *, limit: int) -> tuple[Change, ...]:
        earlier = [one for one in self._changed() if one.generation < generation]
        return tuple(earlier[::-1][: row_limit(limit)])

    async def touch_project(self, index: IndexName, project: NormalizedName) -> int:
        self._touch(index, project)
        return self._generation

    # -- evidence and facts ------------------------------------------------------------------
    async def put_facts(self, facts: Facts) -> Digest:
        micros(facts.as_of)
        digest = digest_of_text(encode(facts))
        self._facts.setdefault(digest, facts)
        return digest

    async def facts(self, digest: Digest) -> Facts | None:
        return self._facts.get(digest)

    async def evidence(self, digest: Digest) -> Evidence | None:
        return self._queue.evidence.get(digest)

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        return self._queue.latest_evidence(sha256, filename)

    async def distrust_worker(self, worker: str, *, actor: str = "operator") -> None:
        if self._queue.distrust(worker, now=self._clock()):
            self._append_audit(actor, "worker_distrusted", worker, "{}")

    async def put_blob(self, digest: Digest, data: bytes) -> None:
        check_blob(digest, data)
        self._queue.put_blob(digest, data, now=self._clock())

    async def blob(self, digest: Digest) -> bytes | None:
        return self._queue.blobs.get(digest)

    async def put_policy(self, digest: Digest, text: str) -> None:
        check_policy(text)
        self._policies.setdefault(digest, text)

    async def policy(self, digest: Digest) -> str | None:
        return self._policies.get(digest)

    # -- what hangs on what ------------------------------------------------------------------
    async def put_dependencies(self, ref: ArtifactRef, dependencies: Sequence[Dependency]) -> None:
        kept = {one.project: one for one in dependencies[:DEPENDENCIES_MAX]}
        self._dependencies[ref] = tuple(kept[project] for project in sorted(kept))

    async def dependencies_of(self, ref: ArtifactRef) -> tuple[Dependency, ...]:
        return self._dependencies.get(ref, ())

    async def dependants_of(
        self, project: NormalizedName, files: Sequence[Sha256], *, limit: int
    ) -> tuple[ArtifactRef, ...]:
        found = [
            ref
            for ref, dependencies in self._dependencies.items()
            if any(one.project == project and one.sha256 in files for one in dependencies)
        ]
        found.sort(key=lambda ref: (ref.project, ref.sha256, ref.filename, ref.index))
        return tuple(found[: row_limit(limit)])

    # -- overrides ---------------------------------------------------------------------------
    async def add_override(self, override: Override) -> None:
        await self.add_overrides((override,))

    async def add_overrides(self, overrides: Sequence[Override]) -> None:
        known = dict(self._overrides)
        for override in overrides:
            check_override(override)
            encode(override)
            if known.setdefault(override.id, override) != override:
                raise StoreConflict(f"There is another override {override.id} already.")
        for override in overrides:
            if override.id not in self._overrides:
                detail = override_detail(override)
                self._append_audit(override.actor, "override_added", override.id, detail)
                self._overrides[override.id] = override
                self._touch_override(override)

    async def revoke_override(self, override_id: str, *, actor: str, at: datetime) -> Override:
        override = self._overrides.get(override_id)
        if override is None:
            raise StoreError(
                f"There is no override {override_id}.",
                next_step="`pratique override list` lists them.",
            )
        if override.revoked_at is not None:
            return override
        micros(at)
        ended = replace(override, revoked_at=at, revoked_by=actor)
        self._append_audit(actor, "override_revoked", override_id, override_detail(ended))
        self._overrides[override_id] = ended
        self._touch_override(ended)
        return ended

    async def overrides(
        self, *, project: NormalizedName | None = None, active_at: datetime | None = None
    ) -> tuple[Override, ...]:
        return tuple(
            override
            for override in self._overrides.values()
            if (project is None or override.project in (None, project))
            and (active_at is None or override.active(active_at))
        )

    # -- jobs --------------------------------------------------------------------------------
    async def enqueue(
        self, ref: ArtifactRef, *, size_bytes: int, facts: Facts, priority: Priority, now: datetime
    ) -> Job:
        job = self._queue.enqueue(
            ref,
            size_bytes=size_bytes,
            facts=facts,
            priority=priority,
            now=now,
            decision=self._currently(ref),
        )
        self._indexes.add(ref.index)
        await self.put_facts(self._queue.facts_of(job))
        return job

    async def job_of(self, ref: ArtifactRef) -> Job | None:
        return self._queue.of_ref(ref)

    async def job(self, job_id: int) -> Job | None:
        return self._queue.by_id(job_id)

    async def jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return self._queue.open_jobs()[: row_limit(limit)]

    async def lease(self, *, worker: str, lease_id: str, now: datetime) -> Lease | None:
        return self._queue.lease(worker=worker, lease_id=lease_id, now=now)

    async def lease_of(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        return self._queue.lease_of(lease_id, worker=worker, now=now)

    async def heartbeat(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        return self._queue.heartbeat(lease_id, worker=worker, now=now)

    async def complete(
        self,
        lease_id: str,
        *,
        worker: str,
        evidence: Evidence,
        blobs: Sequence[tuple[Digest, bytes]],
        now: datetime,
    ) -> Job:
        job = self._queue.complete(lease_id, worker=worker, evidence=evidence, blobs=blobs, now=now)
        self._was_analysed(job.ref, now)
        return job

    async def fail(self, lease_id: str, *, worker: str, error: str, now: datetime) -> Job:
        return self._queue.fail(lease_id, worker=worker, error=error, now=now)

    async def expire_leases(self, now: datetime) -> tuple[Job, ...]:
        return self._queue.expire(now)

    async def observed_jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return self._queue.observed()[: row_limit(limit)]

    async def resolved_put(self, lease_id: str, sha256: Sha256, url: str, size_bytes: int) -> None:
        self._queue.resolved_put(lease_id, sha256, url, size_bytes)

    async def resolved_get(self, lease_id: str, sha256: Sha256) -> tuple[str, int] | None:
        return self._queue.resolved_get(lease_id, sha256)

    # -- tokens ------------------------------------------------------------------------------
    async def add_token(self, token: Token, *, actor: str) -> None:
        self._add_token(token, actor)

    def _add_token(self, token: Token, actor: str) -> None:
        alike = [
            other
            for other in self._tokens.values()
            if other.id == token.id or other.name == token.name or other.hash == token.hash
        ]
        distrusted = token.name in self._queue.distrusted
        check_token(token, alike, distrusted=distrusted, now=self._clock())
        self._append_audit(actor, "token_added", token.id, token_detail(token))
        self._tokens[token.id] = token

    async def revoke_token(
        self, token_id: str, *, actor: str, at: datetime, keep_admin: bool = False
    ) -> Token:
        found = [token for token in self._tokens.values() if token_id in (token.id, token.name)]
        token = pick_token(found, token_id, at=at)
        if token is None:
            raise StoreError(
                f"There is no token {token_id}.", next_step="`pratique token list` lists them."
            )
        if token.revoked_at is not None:
            return token
        micros(at)
        if keep_admin:
            check_last_admin(token, self._tokens.values(), max(at, self._clock()))
        ended = replace(token, revoked_at=at)
        self._append_audit(actor, "token_revoked", token.id, token_detail(ended))
        self._tokens[token.id] = ended
        return ended

    async def tokens(self, *, kind: TokenKind | None = None) -> tuple[Token, ...]:
        return tuple(token for token in self._tokens.values() if kind in (None, token.kind))

    async def use_setup(self, hash_: str, token: Token, *, actor: str, at: datetime) -> None:
        offered = await self.setup_offered(hash_, as_of=max(at, self._clock()))
        check_setup(self._tokens.values(), max(at, self._clock()), offered=offered)
        self._add_token(token, actor)
        self._setup_links.clear()

    # -- what happened -----------------------------------------------------------------------
    async def record_fetches(self, fetches: Sequence[Fetch]) -> None:
        cleaned = clean_fetches(fetches)
        for fetch in cleaned:
            micros(fetch.at)
        self._fetches.extend(cleaned)

    async def fetches(self, *, sha256: Sha256 | None = None, limit: int = 100) -> tuple[Fetch, ...]:
        found = [fetch for fetch in self._fetches if sha256 in (None, fetch.ref.sha256)]
        return tuple(found[::-1][: row_limit(limit)])

    async def fetch_count(self, sha256: Sha256) -> int:
        return sum(fetch.ref.sha256 == sha256 for fetch in self._fetches)

    async def append_audit(self, *, actor: str, action: str, subject: str, detail: str) -> None:
        self._append_audit(actor, action, subject, detail)

    async def audit(self, *, limit: int = 100) -> tuple[AuditRow, ...]:
        return tuple(self._audit[::-1][: row_limit(limit)])

    async def verify_audit(self) -> int:
        begun = (await self.audit_anchors() or (None,))[-1]
        rows = [row for row in self._audit if begun is None or row.number > begun.number]
        last = chain.walk(rows, last=begun)
        return last.number if last else 0

    # -- keeping -----------------------------------------------------------------------------
    async def sweep(
        self, what: Keepable, *, before: datetime, after: str = "", limit: int, look: bool = False
    ) -> Swept:
        return await self._keeping.sweep(what, before=before, after=after, limit=limit, look=look)

    async def audit_to_archive(self, *, before: datetime, limit: int) -> tuple[AuditRow, ...]:
        return await self._keeping.audit_to_archive(before=before, limit=limit)

    async def audit_anchors(self) -> tuple[AuditAnchor, ...]:
        return await self._keeping.audit_anchors()

    async def anchor_audit(self, anchor: AuditAnchor, *, actor: str) -> None:
        await self._keeping.anchor_audit(anchor, actor=actor)

    async def drop_archived(self, *, limit: int) -> int:
        return await self._keeping.drop_archived(limit=limit)

    async def reclaim(self, *, pages: int) -> int:
        return await self._keeping.reclaim(pages=pages)

    # -- project memory ----------------------------------------------------------------------
    async def remember(self, seen: Remembered) -> None:
        check_remembered(seen)
        rows = self._memory.setdefault((seen.index, seen.project, seen.kind), {})
        known = rows.setdefault(seen.sha256, seen)
        if known.value == seen.value:
            rows[seen.sha256] = replace(known, last_seen=max(known.last_seen, seen.last_seen))
        if len(rows) > MEMORY_ROWS_MAX:
            order = sorted(rows.values(), key=lambda row: row.sha256)
            order.sort(key=lambda row: row.last_seen, reverse=True)
            for row in order[MEMORY_ROWS_MAX:]:
                del rows[row.sha256]

    async def remembered(
        self, index: IndexName, project: NormalizedName, kind: MemoryKind
    ) -> tuple[Remembered, ...]:
        rows = self._memory.get((index, project, kind), {})
        return tuple(sorted(rows.values(), key=lambda row: (row.first_seen, row.sha256)))

    # -- upstream pages ----------------------------------------------------------------------
    async def put_page(self, page: StoredPage) -> None:
        micros(page.fetched_at)
        self._indexes.add(page.index)
        self._pages[page.index, page.project] = clean_page(page)

    async def page(self, index: IndexName, project: NormalizedName) -> StoredPage | None:
        return self._pages.get((index, project))

    # -- advisories --------------------------------------------------------------------------
    async def feeds(self) -> tuple[Feed, ...]:
        return self._advisories.feeds()

    async def put_feed(self, feed: Feed, *, telling: Sequence[Event] = ()) -> None:
        self._advisories.put_feed(feed)
        self._tell_all(telling)

    async def remove_feed(self, name: str, *, actor: str) -> bool:
        removed = self._advisories.remove_feed(name, now=self._clock())
        if removed:
            self._append_audit(actor, "feed_removed", name, "{}")
        return removed

    async def import_advisories(
        self,
        feed: Feed,
        advisories: Sequence[Advisory],
        *,
        keep: frozenset[str] = frozenset(),
        now: datetime,
    ) -> FeedImport:
        outcome = self._advisories.import_all(feed, advisories, keep=keep, now=now)
        if outcome.any:
            self._append_audit("feeds", "feed_imported", feed.name, import_detail(outcome))
        return outcome

    async def advisory_times(self, feed: str) -> Mapping[str, datetime]:
        return self._advisories.times(feed)

    async def advisories_about(
        self, project: NormalizedName, sha256: Sha256 | None = None
    ) -> tuple[Advisory, ...]:
        return self._advisories.about(project, sha256)

    async def advisory_changes(self, *, after: int = 0, limit: int) -> tuple[AdvisoryChange, ...]:
        return self._advisories.changes(after=after, limit=limit)

    async def refs_changed(self, change: AdvisoryChange) -> tuple[ArtifactRef, ...]:
        return self._advisories.refs(change)

    async def advisory_changes_done(
        self, numbers: Sequence[int], *, forget_before: datetime
    ) -> None:
        self._advisories.let_go(numbers, forget_before)

    # -- within ------------------------------------------------------------------------------
    def _overrides_active(self, now: datetime) -> int:
        return sum(override.active(now) for override in self._overrides.values())

    def _currently(self, ref: ArtifactRef) -> Decision | None:
        place = self._current.get(ref)
        return None if place is None else self._history[place]

    def _refs_alive(self) -> Iterable[ArtifactRef]:
        return [*self._current, *(job.ref for job in self._queue.open_jobs())]

    def _newest(self) -> Iterable[Decision]:
        return (self._history[place] for place in sorted(self._current.values(), reverse=True))

    def _changed(self) -> list[Change]:
        return [
            Change(generation=number, index=index, project=project)
            for (index, project), number in sorted(self._changes.items(), key=lambda kv: kv[1])
        ]

    def _touch(self, index: IndexName, project: NormalizedName) -> None:
        self._indexes.add(index)
        self._generation += 1
        self._changes[index, project] = self._generation

    def _touch_override(self, override: Override) -> None:
        if override.project is not None:
            touched = {(index, override.project) for index in self._indexes | self._seen}
        else:
            touched = self._projects_with(override.sha256 or Sha256(""))
        for index, project in sorted(touched):
            self._touch(index, project)

    def _projects_with(self, sha256: Sha256) -> set[tuple[IndexName, NormalizedName]]:
        refs = [*self._current, *(job.ref for job in self._queue.all_jobs())]
        announced = {key for key, page in self._pages.items() if sha256.encode() in page.body}
        return announced | {(ref.index, ref.project) for ref in refs if ref.sha256 == sha256}

    def _append_audit(self, actor: str, action: str, subject: str, detail: str) -> None:
        last = self._audit[-1] if self._audit else None
        self._audit.append(
            chain.link(
                last,
                at=self._clock(),
                actor=actor,
                action=action,
                subject=subject,
                detail=detail,
            )
        )
