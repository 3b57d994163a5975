"""The port every store fulfils: one contract suite runs against the SQLite store and its twin.

All methods are coroutines; an implementation does its blocking work off the event loop. All times
are aware and UTC. A method that returns has made its write durable against a kill of any process
(invariant 7). Every write that changes a decision or an override raises the generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct
from packaging.utils import NormalizedName

from analyzer.advisories.record import Advisory
from models.artifact import ArtifactRef, IndexName, Sha256
from models.canonical import Digest
from models.decision import Decision, Override
from models.evidence import Evidence
from models.facts import Facts
from models.work import Job, Lease, Priority
from proxy.admin.access import Role
from proxy.admin.events import Event
from proxy.store.access_port import AccessPort
from proxy.store.audit_port import AuditPort
from proxy.store.bytes_port import BytesPort
from proxy.store.departures_port import DeparturesPort
from proxy.store.exceptions_port import ExceptionsPort
from proxy.store.installed_port import InstalledPort
from proxy.store.keeping_port import KeepingPort
from proxy.store.origins_port import OriginsPort
from proxy.store.pages_port import PagesPort
from proxy.store.policy_port import PolicyPort
from proxy.store.telling_port import TellingPort
from proxy.store.watch_port import WatchPort

GATE = "gate"
"""The actor of decisions that the gate concluded by itself, without evidence."""


class TokenKind(StrEnum):
    """What a token opens."""

    CLIENT = "client"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer secret by its hash; the secret itself is shown once and never stored."""

    id: str
    kind: TokenKind
    name: str
    hash: str
    """Hex sha256 of the secret (256 random bits, so no slow hash is needed)."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    role: Role = Role.INSTALLER
    """Of a client's token; a worker's opens the worker API and nothing else."""
    groups: tuple[str, ...] = ()
    """Groups of clients that it belongs to, sorted."""
    person: str = ""
    """Whose it is; empty: the name stands for the person."""

    @property
    def owner(self) -> str:
        """The person behind it."""
        return self.person or self.name

    def active(self, as_of: datetime) -> bool:
        """Whether it opens anything at `as_of`."""
        return self.revoked_at is None and (self.expires_at is None or as_of < self.expires_at)


class Fetch(Struct, frozen=True, kw_only=True):
    """Who fetched which bytes, from where and when.

    A struct, since one is made, and written as JSON, at each file that goes out: msgspec does both in
    less than half of a dataclass's time.
    """

    at: datetime
    ref: ArtifactRef
    requester: str
    """Name of the client token, or `anonymous`."""
    address: str
    user_agent: str
    status: int
    decision_id: str
    groups: tuple[str, ...] = ()
    """Groups of the token at that time, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of the hash chain: `hash` covers the row and `previous`."""

    number: int
    at: datetime
    actor: str
    action: str
    """Constant snake_case, past tense: `decision_made`, `override_added`, `token_revoked` …"""
    subject: str
    detail: str
    """Canonical JSON."""
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """An upstream project page as it came, so that it outlives an outage and a restart."""

    index: IndexName
    project: NormalizedName
    content_type: str
    etag: str
    body: bytes
    fetched_at: datetime
    max_age_s: int
    status: int = 200
    """200, or 404 where upstream said that there is no such project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something about a project changed at `generation`."""

    generation: int
    index: IndexName
    project: NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A source of advisories, and how the last tries to read it went."""

    name: str
    source: str
    """Where it comes from, without credentials."""
    tried_at: datetime | None = None
    succeeded_at: datetime | None = None
    """When it was last read whole, or found unchanged."""
    etag: str = ""
    last_modified: str = ""
    """The header of that name, as it came; with `etag` it spares the next download."""
    records: int = 0
    malicious: int = 0
    """Of them, records of malicious packages."""
    withdrawn: int = 0
    refused: int = 0
    """Records that could not be read the last time."""
    newest_modified: datetime | None = None
    error: str = ""
    """Why the last try failed; empty where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedImport:
    """What reading a feed changed; `unchanged` records stay as they were."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def any(self) -> bool:
        """Whether anything did."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryChange:
    """A subject whose advisories changed at `at`: a project, or the digest of a file."""

    number: int
    at: datetime
    project: NormalizedName
    """Empty where a digest is meant."""
    sha256: Sha256
    """Empty where a project is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A file whose current decision serves it, and the evidence that this rests on."""

    ref: ArtifactRef
    evidence_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A current decision, and its number in the history: newer decisions have higher numbers."""

    number: int
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How many decisions are current, and the number of the newest; 0 where there is none."""

    count: int
    newest: int


class MemoryKind(StrEnum):
    """What is remembered of projects."""

    PUBLISHER = "publisher"
    OWNERS = "owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a project showed with one of its files, when that file was first asked about.

    Whether it may be relied on is not said here: that hangs on whether the file is served
    (`Store.served_files`), which may change.
    """

    index: IndexName
    project: NormalizedName
    kind: MemoryKind
    sha256: Sha256
    value: str
    """JSON of whoever remembers; at most MEMORY_CHARS_MAX characters."""
    first_seen: datetime
    last_seen: datetime
    """When the same value was seen with this file for the last time."""


def subjects_of(advisory: Advisory) -> set[tuple[str, str]]:
    """(project, "") and ("", sha256) of everything that a record speaks of."""
    projects = {(str(affected.project), "") for affected in advisory.affected}
    return projects | {("", str(d)) for affected in advisory.affected for d in affected.sha256s}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One release that a file was seen to depend on, by the file that was chosen of it."""

    project: NormalizedName
    version: str
    sha256: Sha256


class Store(
    AccessPort,
    ExceptionsPort,
    InstalledPort,
    KeepingPort,
    AuditPort,
    OriginsPort,
    PagesPort,
    PolicyPort,
    TellingPort,
    WatchPort,
    DeparturesPort,
    BytesPort,
    Protocol,
):
    """Everything that must survive a restart, but for artifact bytes."""

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""

    # -- decisions ---------------------------------------------------------------------------
    async def put_decision(
        self, decision: Decision, *, actor: str = "judge", telling: Sequence[Event] = ()
    ) -> None:
        """Append to the history, make it the ref's current one, audit it, raise the generation.

        In the same transaction the ref's job, if any is OBSERVED (or the decision is final for
        an unseen ref: it serves or denies, and rests on no evidence), becomes DECIDED; but an
        OBSERVED job waits on where the decision was made before the job's evidence came. Putting
        the current decision again makes no history, no audit row and no generation, and tells
        nobody; else the events in `telling` are written into the outbox with it.
        """

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        """The current decision of every ref of a project, newest first."""

    async def decision_of(self, ref: ArtifactRef) -> Decision | None:
        """The current decision of one ref."""

    async def decision_by_id(self, decision_id: str) -> Decision | None:
        """Any decision ever made, by its short id."""

    async def decisions(
        self, *, limit: int = 100, action: str = "", project: str = ""
    ) -> tuple[Decision, ...]:
        """Current decisions, newest first, at most `limit`."""

    async def decisions_with(self, sha256: Sha256) -> tuple[Decision, ...]:
        """The current decision of every ref with these bytes, under any name, newest first."""

    async def extent(self) -> Extent:
        """How far `standing` reaches at this moment."""

    async def standing(self, *, after: int, up_to: int, limit: int) -> tuple[Standing, ...]:
        """Current decisions numbered above `after`, at most `up_to`, oldest first: a page of a walk.

        A decision that is made during a walk has a number above the extent at its beginning: the
        walk meets each ref once, or not at all where it was decided anew meanwhile.
        """

    async def decisions_not_resting_on(
        self, policy_digest: Digest, model_digest: Digest, *, limit: int
    ) -> tuple[Decision, ...]:
        """Current decisions whose policy or model digest is another one: they are stale.

        In no particular order. A decision without a score rests on no model.
        """

    async def decisions_by_worker(self, worker: str) -> tuple[Decision, ...]:
        """Current decisions that rest on evidence which `worker` posted, all of them."""

    async def served_files(self, index: IndexName, project: NormalizedName) -> tuple[Served, ...]:
        """Every file of a project that is served and rests on evidence, the newest decision first.

        Evidence that only distrusted workers posted does not count. No decision is read, so that it
        is cheap for projects of thousands of files; an override may be behind any of them.
        """

    async def decisions_expired(self, as_of: datetime, *, limit: int) -> tuple[Decision, ...]:
        """Current decisions whose `expires_at` lies at or before `as_of`."""

    async def generation(self) -> int:
        """The current generation: 0 in a new store, only ever growing, shared by all processes."""

    async def changes_since(
        self, generation: int, *, limit: int | None = None
    ) -> tuple[Change, ...]:
        """Every (index, project) that changed after `generation`, oldest first; `limit` of them."""

    async def changes_before(self, generation: int, *, limit: int) -> tuple[Change, ...]:
        """The last `limit` (index, project) that changed before `generation`, newest first."""

    async def touch_project(self, index: IndexName, project: NormalizedName) -> int:
        """Raise the generation for a project whose page or overrides changed; the new one."""

    # -- evidence and facts ------------------------------------------------------------------
    async def put_facts(self, facts: Facts) -> Digest:
        """Keep facts by digest."""

    async def facts(self, digest: Digest) -> Facts | None:
        """Facts by digest."""

    async def evidence(self, digest: Digest) -> Evidence | None:
        """Evidence by digest."""

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        """The newest evidence of these bytes under this filename, by a worker not distrusted."""

    async def distrust_worker(self, worker: str, *, actor: str = "operator") -> None:
        """Leave all evidence that `worker` posted out of `latest_evidence` from now on.

        What it has leased, or what waits for the judge by its hand, is queued anew; it gets no
        lease, and its live ones are lost. The name stays distrusted: no new worker token takes it.
        """

    async def put_blob(self, digest: Digest, data: bytes) -> None:
        """Keep a small blob (compressed trace, core metadata) by its digest.

        Raises StoreConflict where the bytes are not of that digest, StoreError where too many.
        """

    async def blob(self, digest: Digest) -> bytes | None:
        """A blob by digest."""

    async def put_policy(self, digest: Digest, text: str) -> None:
        """Keep a policy's text by the digest that decisions name; the first text of a digest stays.

        Raises StoreError beyond its bound.
        """

    async def policy(self, digest: Digest) -> str | None:
        """A policy's text."""

    # -- what hangs on what ------------------------------------------------------------------
    async def put_dependencies(self, ref: ArtifactRef, dependencies: Sequence[Dependency]) -> None:
        """Keep what a file depends on, instead of what it did before; DEPENDENCIES_MAX at most."""

    async def dependencies_of(self, ref: ArtifactRef) -> tuple[Dependency, ...]:
        """What a file was last seen to depend on, by project; empty also where nobody looked."""

    async def dependants_of(
        self, project: NormalizedName, files: Sequence[Sha256], *, limit: int
    ) -> tuple[ArtifactRef, ...]:
        """Who was last seen to depend on any of some files of a project, by project; at most `limit`.

        An own package hangs on the public ones, so that the upstream of either does not count.
        """

    # -- overrides ---------------------------------------------------------------------------
    async def add_override(self, override: Override) -> None:
        """Keep a new override, audit it, raise the generation of every project it touches.

        One that names a project touches it on every index seen; one that names only a sha256,
        every project that has it in a decision, a job or a stored page. The same override again
        is a no-op, another under its id a StoreConflict.
        """

    async def add_overrides(self, overrides: Sequence[Override]) -> None:
        """Do what `add_override` does with each, all of them or none."""

    async def revoke_override(self, override_id: str, *, actor: str, at: datetime) -> Override:
        """End an override. Raises StoreError where there is none of that id.

        One that is ended already stays as it is.
        """

    async def overrides(
        self, *, project: NormalizedName | None = None, active_at: datetime | None = None
    ) -> tuple[Override, ...]:
        """Overrides, oldest first; with `project`, those that name it or name only a sha256."""

    # -- jobs --------------------------------------------------------------------------------
    async def enqueue(
        self, ref: ArtifactRef, *, size_bytes: int, facts: Facts, priority: Priority, now: datetime
    ) -> Job:
        """The ref's open job, made if there is none; its priority only ever rises.

        A job that is DECIDED is opened anew (attempts 0) by priority RESCAN, and otherwise only
        where the ref has no current decision, or one that itself waits for analysis. Raises
        Overloaded at the bound on open jobs.
        """

    async def job_of(self, ref: ArtifactRef) -> Job | None:
        """The ref's newest job."""

    async def job(self, job_id: int) -> Job | None:
        """A job by id."""

    async def jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        """Open jobs (not DECIDED) in the order in which they would be leased."""

    async def lease(self, *, worker: str, lease_id: str, now: datetime) -> Lease | None:
        """Give `worker` the next QUEUED job whose `not_before` has come; None where none waits.

        Raises StoreConflict where `lease_id` is that of a live lease.
        """

    async def lease_of(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        """A live lease. Raises LeaseLost unless it is that worker's and has not expired."""

    async def heartbeat(self, lease_id: str, *, worker: str, now: datetime) -> Lease:
        """Prolong a lease. Raises LeaseLost."""

    async def complete(
        self,
        lease_id: str,
        *,
        worker: str,
        evidence: Evidence,
        blobs: Sequence[tuple[Digest, bytes]],
        now: datetime,
    ) -> Job:
        """Evidence, blobs and the job's state OBSERVED in one transaction. Raises LeaseLost.

        Raises StoreConflict where the evidence is about another file, or a blob is not of its
        digest; the lease then lives on.
        """

    async def fail(self, lease_id: str, *, worker: str, error: str, now: datetime) -> Job:
        """The worker failed: back to QUEUED, or OBSERVED without evidence after ATTEMPTS_MAX.

        A job that is queued again has a `not_before` RETRY_DELAY_S ahead. Raises LeaseLost.
        """

    async def expire_leases(self, now: datetime) -> tuple[Job, ...]:
        """Do what `fail` does to every job whose lease ran out; the jobs as they are afterwards."""

    async def observed_jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        """Jobs that wait for the judge."""

    async def resolved_put(self, lease_id: str, sha256: Sha256, url: str, size_bytes: int) -> None:
        """Add one file to a lease's capability, which ends with the lease.

        Raises LeaseLost where nothing is leased under that id, Overloaded beyond its bound.
        """

    async def resolved_get(self, lease_id: str, sha256: Sha256) -> tuple[str, int] | None:
        """(upstream URL, size) of a file in a lease's capability."""

    # -- tokens ------------------------------------------------------------------------------
    async def add_token(self, token: Token, *, actor: str) -> None:
        """Keep a token and audit it. Raises StoreConflict where the active name is taken."""

    async def revoke_token(
        self, token_id: str, *, actor: str, at: datetime, keep_admin: bool = False
    ) -> Token:
        """End a token by id or name. Raises StoreError where there is none.

        A name means its active token. One that is ended already stays as it is. `keep_admin`: raises
        StoreConflict where no admin's token would be left, in the same transaction, so that of two
        admins who end each other's at once one wins.
        """

    async def tokens(self, *, kind: TokenKind | None = None) -> tuple[Token, ...]:
        """All tokens, oldest first."""

    # -- what happened -----------------------------------------------------------------------
    async def record_fetches(self, fetches: Sequence[Fetch]) -> None:
        """Append fetch records in one transaction."""

    async def fetches(self, *, sha256: Sha256 | None = None, limit: int = 100) -> tuple[Fetch, ...]:
        """Fetch records, newest first."""

    async def fetch_count(self, sha256: Sha256) -> int:
        """How many fetch records there are of these bytes, under whatever name."""

    async def append_audit(self, *, actor: str, action: str, subject: str, detail: str) -> None:
        """Append a row to the chain."""

    async def audit(self, *, limit: int = 100) -> tuple[AuditRow, ...]:
        """The newest rows, newest first."""

    async def verify_audit(self) -> int:
        """Walk the chain; the number of rows, those in archives included.

        It begins after the newest anchor. Raises StoreError naming the first broken row.
        """

    # -- project memory ----------------------------------------------------------------------
    async def remember(self, seen: Remembered) -> None:
        """Keep what a file's project showed. The same value again moves `last_seen` forward.

        Another value for the same file and kind is not kept: what the file came with stands.
        Of a project the MEMORY_ROWS_MAX files of one kind that were seen last are kept. Raises
        StoreError for a value that is too long.
        """

    async def remembered(
        self, index: IndexName, project: NormalizedName, kind: MemoryKind
    ) -> tuple[Remembered, ...]:
        """All that is remembered of a project, the file first seen first."""

    # -- upstream pages ----------------------------------------------------------------------
    async def put_page(self, page: StoredPage) -> None:
        """Keep an upstream page, replacing the one before."""

    async def page(self, index: IndexName, project: NormalizedName) -> StoredPage | None:
        """The stored upstream page."""

    # -- advisories --------------------------------------------------------------------------
    async def feeds(self) -> tuple[Feed, ...]:
        """All feeds, by name."""

    async def put_feed(self, feed: Feed, *, telling: Sequence[Event] = ()) -> None:
        """Keep how a try went, where it brought no records: it failed, or nothing had changed.

        `telling` is written into the outbox in the same transaction.
        """

    async def remove_feed(self, name: str, *, actor: str) -> bool:
        """Forget a feed with all its records, and audit it; False where there is none.

        What its records were about has changed.
        """

    async def import_advisories(
        self,
        feed: Feed,
        advisories: Sequence[Advisory],
        *,
        keep: frozenset[str] = frozenset(),
        now: datetime,
    ) -> FeedImport:
        """Make a feed's records those given, all of it or nothing.

        A known record is replaced by one that was modified later (or that was read by an older
        parser), and stays otherwise. One that is not among `advisories` goes, but for ids in
        `keep`: those were there unchanged, or could not be read. Every subject of what came, went or changed
        is a change. The feed's counts are made here, and audited where anything changed.
        """

    async def advisory_times(self, feed: str) -> Mapping[str, datetime]:
        """When each record of a feed was modified, by id, but for those of an older parser."""

    async def advisories_about(
        self, project: NormalizedName, sha256: Sha256 | None = None
    ) -> tuple[Advisory, ...]:
        """What all feeds say of a project, or of a file's bytes under any name, by id.

        Of one id in several feeds the one modified last counts.
        """

    async def advisory_changes(self, *, after: int = 0, limit: int) -> tuple[AdvisoryChange, ...]:
        """Changed subjects that a current decision or an open job is about, oldest first.

        Only those with a number above `after`.
        """

    async def refs_changed(self, change: AdvisoryChange) -> tuple[ArtifactRef, ...]:
        """Every ref with a current decision or an open job that the change is about."""

    async def advisory_changes_done(
        self, numbers: Sequence[int], *, forget_before: datetime
    ) -> None:
        """Let go of these changes, and of all from before a moment that concern nothing here."""
