"""The store on one SQLite file; several processes may have the same file open at once."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from packaging.utils import NormalizedName

from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest
from models.clock import Clock
from models.decision import Decision, HoldKind, Override
from models.evidence import Evidence
from models.facts import Facts
from models.work import Job, Lease, Priority
from proxy.admin.events import Event
from proxy.store.access_port import SetupLink, SignedIn
from proxy.store.bounds import INDEXES_SEEN_MAX, OPEN_JOBS_MAX
from proxy.store.chain import Link
from proxy.store.keeping_port import AuditAnchor, Keepable, Swept
from proxy.store.pages_port import (
    WAITING_MAX,
    HeldCount,
    Hour,
    QueueState,
    Recorded,
    Waiting,
    WorkerSeen,
)
from proxy.store.policy_port import Announcing, PolicyDocument, announcing_nothing
from proxy.store.port import (
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
from proxy.store.sql import (
    advisories as records,
)
from proxy.store.sql import (
    audit,
    changes,
    deciding,
    decisions,
    evidence,
    jobs,
    keeping,
    memory,
    overrides,
    pages,
    policies,
    policy_documents,
    sessions,
    setup,
    tokens,
    traffic,
    workers,
)
from proxy.store.sql import dependencies as sql_dependencies
from proxy.store.sql.connection import Connection
from proxy.store.sql.migrate import packaged
from proxy.store.sqlite_departures import SqliteDepartures
from proxy.store.sqlite_exceptions import SqliteExceptions
from proxy.store.sqlite_origins import SqliteOrigins
from proxy.store.sqlite_telling import SqliteTelling


class SqliteStore(SqliteDepartures, SqliteExceptions, SqliteOrigins, SqliteTelling, Store):
    """`proxy.store.port.Store` on SQLite; that port says what each method does."""

    def __init__(self, connection: Connection, *, open_jobs_max: int = OPEN_JOBS_MAX) -> None:
        self._on = connection
        self._open_jobs_max = open_jobs_max
        self._seen: set[IndexName] = set()

    @classmethod
    def open(cls, path: Path, *, clock: Clock, open_jobs_max: int = OPEN_JOBS_MAX) -> SqliteStore:
        """Opens, makes or upgrades the file at `path`. Blocks, so open before serving.

        Raises StoreError, each with the next step, and StoreSchemaNewer.
        """
        connection = Connection.open(path, clock=clock, migrations=packaged())
        return cls(connection, open_jobs_max=open_jobs_max)

    @classmethod
    def look(cls, path: Path, *, clock: Clock) -> SqliteStore:
        """Opens the file at `path` to read it alone: nothing is made, upgraded or written.

        A file of an older schema is read as far as it goes. Raises as `open`, and StoreError for
        every method that would write.
        """
        return cls(Connection.look(path, clock=clock, migrations=packaged()))

    async def close(self) -> None:
        await self._on.close()

    # -- decisions ---------------------------------------------------------------------------
    async def put_decision(
        self, decision: Decision, *, actor: str = "judge", telling: Sequence[Event] = ()
    ) -> None:
        await self._on.write(deciding.put, decision, actor=actor, telling=telling)

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        if len(self._seen) < INDEXES_SEEN_MAX:
            self._seen.add(index)
        return await self._on.read(decisions.of_project, index, project)

    async def decision_of(self, ref: ArtifactRef) -> Decision | None:
        return await self._on.read(decisions.of_ref, ref)

    async def decision_by_id(self, decision_id: str) -> Decision | None:
        return await self._on.read(decisions.by_id, decision_id)

    async def decisions(
        self, *, limit: int = 100, action: str = "", project: str = ""
    ) -> tuple[Decision, ...]:
        return await self._on.read(decisions.newest, limit=limit, action=action, project=project)

    async def decisions_with(self, sha256: Sha256) -> tuple[Decision, ...]:
        return await self._on.read(decisions.with_bytes, sha256)

    async def extent(self) -> Extent:
        return await self._on.read(decisions.extent)

    async def standing(self, *, after: int, up_to: int, limit: int) -> tuple[Standing, ...]:
        return await self._on.read(decisions.standing, after=after, up_to=up_to, limit=limit)

    async def decisions_not_resting_on(
        self, policy_digest: Digest, model_digest: Digest, *, limit: int
    ) -> tuple[Decision, ...]:
        return await self._on.read(
            decisions.not_resting_on, policy_digest, model_digest, limit=limit
        )

    async def decisions_by_worker(self, worker: str) -> tuple[Decision, ...]:
        return await self._on.read(decisions.by_worker, worker)

    async def served_files(self, index: IndexName, project: NormalizedName) -> tuple[Served, ...]:
        return await self._on.read(decisions.served, index, project)

    async def decisions_expired(self, as_of: datetime, *, limit: int) -> tuple[Decision, ...]:
        return await self._on.read(decisions.expired, as_of, limit=limit)

    async def generation(self) -> int:
        return await self._on.read(changes.generation)

    async def changes_since(
        self, generation: int, *, limit: int | None = None
    ) -> tuple[Change, ...]:
        return await self._on.read(changes.since, generation, limit=limit)

    async def changes_before(self, generation: int, *, limit: int) -> tuple[Change, ...]:
        return await self._on.read(changes.before, generation, limit=limit)

    async def touch_project(self, index: IndexName, project: NormalizedName) -> int:
        return await self._on.write(changes.touch, index, project)

    # -- evidence and facts ------------------------------------------------------------------
    async def put_facts(self, facts: Facts) -> Digest:
        return await self._on.write(evidence.put_facts, facts)

    async def facts(self, digest: Digest) -> Facts | None:
        return await self._on.read(evidence.facts, digest)

    async def evidence(self, digest: Digest) -> Evidence | None:
        return await self._on.read(evidence.evidence, digest)

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        return await self._on.read(evidence.latest, sha256, filename)

    async def distrust_worker(self, worker: str, *, actor: str = "operator") -> None:
        await self._on.write_through(workers.distrust, worker, actor=actor)

    async def put_blob(self, digest: Digest, data: bytes) -> None:
        await self._on.write(evidence.put_blob, digest, data)

    async def blob(self, digest: Digest) -> bytes | None:
        return await self._on.read(evidence.blob, digest)

    async def put_policy(self, digest: Digest, text: str) -> None:
        await self._on.write(policies.put, digest, text)

    async def policy(self, digest: Digest) -> str | None:
        return await self._on.read(policies.text, digest)

    # -- what hangs on what ------------------------------------------------------------------
    async def put_dependencies(self, ref: ArtifactRef, dependencies: Sequence[Dependency]) -> None:
        await self._on.write(sql_dependencies.put, ref, dependencies)

    async def dependencies_of(self, ref: ArtifactRef) -> tuple[Dependency, ...]:
        return await self._on.read(sql_dependencies.of, ref)

    async def dependants_of(
        self, project: NormalizedName, files: Sequence[Sha256], *, limit: int
    ) -> tuple[ArtifactRef, ...]:
        return await self._on.read(sql_dependencies.dependants, project, files, limit=limit)

    # -- overrides ---------------------------------------------------------------------------
    async def add_override(self, override: Override) -> None:
        await self._on.write_through(overrides.add, override, frozenset(self._seen))

    async def add_overrides(self, added: Sequence[Override]) -> None:
        await self._on.write_through(overrides.add_all, added, frozenset(self._seen))

    async def revoke_override(self, override_id: str, *, actor: str, at: datetime) -> Override:
        return await self._on.write_through(
            overrides.revoke, override_id, actor=actor, at=at, seen=frozenset(self._seen)
        )

    async def overrides(
        self, *, project: NormalizedName | None = None, active_at: datetime | None = None
    ) -> tuple[Override, ...]:
        return await self._on.read(overrides.find, project=project, active_at=active_at)

    # -- jobs --------------------------------------------------------------------------------
    async def enqueue(
        self, ref: ArtifactRef, *, size_bytes: int, facts: Facts, priority: Priority, now: datetime
    ) -> Job:
        if job := await self._on.read(jobs.unchanged, ref, priority, now):
            return job
        return await self._on.write(
            jobs.enqueue,
            ref,
            size_bytes=size_bytes,
            facts=facts,
            priority=priority,
            now=now,
            open_jobs_max=self._open_jobs_max,
        )

    async def job_of(self, ref: ArtifactRef) -> Job | None:
        return await self._on.read(jobs.of_ref, ref)

    async def job(self, job_id: int) -> Job | None:
        return await self._on.read(jobs.by_id, job_id)

    async def jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return await self._on.read(jobs.open_jobs, limit)

    async def lease(self, *, worker: str, lease_id: str, now: datetime) -> Lease | None:
        if not await self._on.read(jobs.waits, now):
            return None
        return await self._on.write(jobs.lease, worker=worker, lease_id=lease_id, now=now)

    async def lease_of(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        return await self._on.read(jobs.lease_of, lease_id, worker=worker, now=now)

    async def heartbeat(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        return await self._on.write(jobs.heartbeat, lease_id, worker=worker, now=now)

    async def complete(
        self,
        lease_id: str,
        *,
        worker: str,
        evidence: Evidence,
        blobs: Sequence[tuple[Digest, bytes]],
        now: datetime,
    ) -> Job:
        return await self._on.write(
            jobs.complete, lease_id, worker=worker, evidence_given=evidence, blobs=blobs, now=now
        )

    async def fail(self, lease_id: str, *, worker: str, error: str, now: datetime) -> Job:
        return await self._on.write(jobs.fail, lease_id, worker=worker, error=error, now=now)

    async def expire_leases(self, now: datetime) -> tuple[Job, ...]:
        if not await self._on.read(jobs.any_expired, now):
            return ()
        return await self._on.write(jobs.expire, now)

    async def observed_jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return await self._on.read(jobs.observed, limit)

    async def resolved_put(self, lease_id: str, sha256: Sha256, url: str, size_bytes: int) -> None:
        await self._on.write(jobs.resolved_put, lease_id, sha256, url, size_bytes)

    async def resolved_get(self, lease_id: str, sha256: Sha256) -> tuple[str, int] | None:
        return await self._on.read(jobs.resolved_get, lease_id, sha256)

    # -- tokens ------------------------------------------------------------------------------
    async def add_token(self, token: Token, *, actor: str) -> None:
        await self._on.write_through(tokens.add, token, actor=actor)

    async def revoke_token(
        self, token_id: str, *, actor: str, at: datetime, keep_admin: bool = False
    ) -> Token:
        return await self._on.write_through(
            tokens.revoke, token_id, actor=actor, at=at, keep_admin=keep_admin
        )

    async def tokens(self, *, kind: TokenKind | None = None) -> tuple[Token, ...]:
        return await self._on.read(tokens.find, kind)

    # -- policies in force -------------------------------------------------------------------
    async def put_policy_document(
        self,
        digest: Digest,
        text: str,
        *,
        actor: str,
        comment: str,
        expected: int,
        telling: Announcing = announcing_nothing,
    ) -> PolicyDocument:
        return await self._on.write_through(
            policy_documents.put,
            digest,
            text,
            actor=actor,
            comment=comment,
            expected=expected,
            telling=telling,
        )

    async def policy_document(self) -> PolicyDocument | None:
        return await self._on.read(policy_documents.find)

    async def policy_documents(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[PolicyDocument, ...]:
        return await self._on.read(policy_documents.page, before=before, limit=limit)

    # -- sessions ----------------------------------------------------------------------------
    async def begin_session(self, session: SignedIn) -> None:
        await self._on.write(sessions.begin, session)

    async def session(self, hash_: str, *, as_of: datetime) -> SignedIn | None:
        return await self._on.read(sessions.find, hash_, as_of=as_of)

    async def end_session(self, hash_: str) -> None:
        await self._on.write(sessions.end, hash_)

    async def offer_setup(self, link: SetupLink) -> None:
        await self._on.write_through(setup.offer, link)

    async def setup_offered(self, hash_: str, *, as_of: datetime) -> bool:
        return await self._on.read(setup.offered, hash_, as_of=as_of)

    async def use_setup(self, hash_: str, token: Token, *, actor: str, at: datetime) -> None:
        await self._on.write_through(setup.use, hash_, token, actor=actor, at=at)

    # -- what happened -----------------------------------------------------------------------
    async def record_fetches(self, fetches: Sequence[Fetch]) -> None:
        await self._on.write(traffic.record, fetches)

    async def fetches(self, *, sha256: Sha256 | None = None, limit: int = 100) -> tuple[Fetch, ...]:
        return await self._on.read(traffic.newest, sha256=sha256, limit=limit)

    async def fetch_count(self, sha256: Sha256) -> int:
        return await self._on.read(traffic.count, sha256)

    async def append_audit(self, *, actor: str, action: str, subject: str, detail: str) -> None:
        await self._on.write(
            audit.append, actor=actor, action=action, subject=subject, detail=detail
        )

    async def audit(self, *, limit: int = 100) -> tuple[AuditRow, ...]:
        return await self._on.read(audit.newest, limit)

    async def verify_audit(self) -> int:
        last: Link | None = None
        done = False
        while not done:
            last, done = await self._on.read(audit.walk, last)
        return last.number if last else 0

    # -- keeping -----------------------------------------------------------------------------
    async def sweep(
        self, what: Keepable, *, before: datetime, after: str = "", limit: int, look: bool = False
    ) -> Swept:
        on = self._on.read if look else self._on.write
        return await on(keeping.sweep, what, before=before, after=after, limit=limit, look=look)

    async def audit_to_archive(self, *, before: datetime, limit: int) -> tuple[AuditRow, ...]:
        return await self._on.read(keeping.audit_to_archive, before=before, limit=limit)

    async def audit_anchors(self) -> tuple[AuditAnchor, ...]:
        return await self._on.read(keeping.anchors)

    async def anchor_audit(self, anchor: AuditAnchor, *, actor: str) -> None:
        await self._on.write_through(keeping.anchor_audit, anchor, actor=actor)

    async def drop_archived(self, *, limit: int) -> int:
        return await self._on.write(keeping.drop_archived, limit=limit)

    async def reclaim(self, *, pages: int) -> int:
        return await self._on.write(keeping.reclaim, pages=pages)

    # -- project memory ----------------------------------------------------------------------
    async def remember(self, seen: Remembered) -> None:
        await self._on.write(memory.put, seen)

    async def remembered(
        self, index: IndexName, project: NormalizedName, kind: MemoryKind
    ) -> tuple[Remembered, ...]:
        return await self._on.read(memory.of_project, index, project, kind)

    # -- what pages read ---------------------------------------------------------------------
    async def held_counts(self) -> tuple[HeldCount, ...]:
        return await self._on.read(pages.held_counts)

    async def waiting(
        self, hold: HoldKind, *, project: str = "", after: int = 0, limit: int = WAITING_MAX
    ) -> tuple[Waiting, ...]:
        return await self._on.read(pages.waiting, hold, project=project, after=after, limit=limit)

    async def current(
        self, *, action: str = "", project: str = "", before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        return await self._on.read(
            pages.current, action=action, project=project, before=before, limit=limit
        )

    async def recorded(self, numbers: Sequence[int]) -> tuple[Recorded, ...]:
        return await self._on.read(pages.recorded, numbers)

    async def files_of(
        self, project: NormalizedName, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        return await self._on.read(pages.files_of, project, before=before, limit=limit)

    async def filenames_of(self, project: NormalizedName) -> tuple[tuple[int, str], ...]:
        return await self._on.read(pages.filenames_of, project)

    async def history(
        self, ref: ArtifactRef, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        return await self._on.read(pages.history, ref, before=before, limit=limit)

    async def flow(self, *, since: datetime) -> tuple[Hour, ...]:
        return await self._on.read(pages.flow, since=since)

    async def queue_state(self) -> QueueState:
        return await self._on.read(pages.queue_state)

    async def workers_seen(self) -> tuple[WorkerSeen, ...]:
        return await self._on.read(pages.workers_seen)

    async def fetches_page(
        self, sha256: Sha256, *, before: int = 0, limit: int
    ) -> tuple[tuple[int, Fetch], ...]:
        return await self._on.read(pages.fetches_page, sha256, before=before, limit=limit)

    async def overrides_page(
        self, *, active_at: datetime | None = None, before: int = 0, limit: int
    ) -> tuple[tuple[int, Override], ...]:
        return await self._on.read(
            pages.overrides_page, active_at=active_at, before=before, limit=limit
        )

    # -- upstream pages ----------------------------------------------------------------------
    async def put_page(self, page: StoredPage) -> None:
        await self._on.write(traffic.put_page, page)

    async def page(self, index: IndexName, project: NormalizedName) -> StoredPage | None:
        return await self._on.read(traffic.page, index, project)

    # -- advisories --------------------------------------------------------------------------
    async def feeds(self) -> tuple[Feed, ...]:
        return await self._on.read(records.feeds)

    async def put_feed(self, feed: Feed, *, telling: Sequence[Event] = ()) -> None:
        await self._on.write(records.put_feed, feed, telling=telling)

    async def remove_feed(self, name: str, *, actor: str) -> bool:
        return await self._on.write_through(records.remove_feed, name, actor=actor)

    async def import_advisories(
        self,
        feed: Feed,
        advisories: Sequence[Advisory],
        *,
        keep: frozenset[str] = frozenset(),
        now: datetime,
    ) -> FeedImport:
        return await self._on.write(records.import_all, feed, advisories, keep=keep, now=now)

    async def advisory_times(self, feed: str) -> Mapping[str, datetime]:
        return await self._on.read(records.times, feed)

    async def advisories_about(
        self, project: NormalizedName, sha256: Sha256 | None = None
    ) -> tuple[Advisory, ...]:
        return await self._on.read(records.about, project, sha256)

    async def advisory_changes(self, *, after: int = 0, limit: int) -> tuple[AdvisoryChange, ...]:
        return await self._on.read(records.changes, after=after, limit=limit)

    async def refs_changed(self, change: AdvisoryChange) -> tuple[ArtifactRef, ...]:
        return await self._on.read(records.refs, change)

    async def advisory_changes_done(
        self, numbers: Sequence[int], *, forget_before: datetime
    ) -> None:
        if not await self._on.read(records.any_change):
            return
        await self._on.write(records.let_go, numbers, forget_before)
