"""The one decide(): every listing, file, `.metadata`, HEAD and Range asks here, and is answered from memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from models.artifact import ArtifactRef, IndexName, key_of
from models.clock import Clock
from models.decision import Action, Decision, HoldKind, Override, ReasonCode, TrustTier, reason
from models.errors import PratiqueError
from models.evidence import Layer
from policies.case import Case
from policies.evaluate import evaluate
from policies.modes import Mode, lets_through, may_let_through
from policies.policy import Policy
from proxy.athand import AtHand
from proxy.policybook import PolicyBook
from proxy.simple.page import IndexFile
from proxy.store.port import GATE, Store
from proxy.telling.verdicts import told_of

LOG = structlog.get_logger()

SNAPSHOT_AGE_S = 86_400
"""Seconds that an approval is served without word from the store (invariant 3); a day bridges a night."""
POLL_S = 0.5
"""Seconds between two looks at the store's generation; another process's change shows after it."""
LOAD_S = 5.0
"""Seconds a request waits for the store to load its project; after that the file is held."""
DECISIONS_MAX = 50_000
"""Decisions in memory; at about 3 KiB each some 150 MiB. The least used project goes first."""
WORDS_MAX = 16_384
"""Judgements without evidence kept for one project; the largest projects list some 10,000 files."""
VIEW_AT_ONCE = 50
"""Files of a page looked at before others get their turn; with overrides that takes 2 ms."""

PROOFS = frozenset(
    {
        ReasonCode.PROOF_CANARY_LEFT,
        ReasonCode.PROOF_KNOWN_MALICIOUS,
        ReasonCode.PROOF_HASH_MISMATCH,
    }
)
"""Causes of a refusal that taint the other files of the release until a person says otherwise."""

ProjectKey = tuple[IndexName, NormalizedName]
Listener = Callable[[IndexName, NormalizedName], None]


@dataclass(slots=True, kw_only=True)
class _Project:
    """What memory holds of one project."""

    decisions: dict[str, Decision]
    overrides: tuple[Override, ...]
    read_at: datetime
    revision: int
    suspect: bool = False
    """The store said that something changed, and then could not say what: nothing is served."""
    blocked: dict[str, Decision] = field(default_factory=dict)
    """Version → the proof that taints the whole release."""
    words: dict[str, Decision] = field(default_factory=dict)
    """What policy says of a ref without evidence, while neither policy nor overrides change."""
    words_policy: str = ""
    words_until: datetime | None = None
    servable: tuple[ArtifactRef, ...] | None = None
    """Served files, highest final release first; made at the first refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The decisions that mark one page, and how long they hold if nothing happens."""

    decisions: Mapping[str, Decision]
    """By `ref.key`; a file that is not here is unseen."""
    good_until: datetime | None
    fallback: bool
    """Whether policy marks unseen files, so that clients fall back on what is approved."""


class Gate:
    """Decides from memory. What memory does not know is HOLD(analysis), never SERVE.

    `load` brings a project in from the store, `follow` keeps what is there true, `put` is told of
    a decision that this process just stored. Listeners hear of every project that changed.
    """

    def __init__(
        self,
        *,
        store: Store,
        policy: Callable[[], Policy],
        clock: Clock,
        layers_off: tuple[Layer, ...] = (),
        nudge: Callable[[], None] = lambda: None,
        poll_s: float = POLL_S,
        snapshot_age_s: float = SNAPSHOT_AGE_S,
        decisions_max: int = DECISIONS_MAX,
        origin: str = "",
        index_modes: Mapping[IndexName, Mode] | None = None,
    ) -> None:
        """`origin` is ours, for links in what people are told.

        `index_modes`: how decisions about files of some upstreams act, whoever asks for them.
        """
        self._index_modes = dict(index_modes or {})
        self._origin = origin
        self._store = store
        self._policy = policy
        self._clock = clock
        self._layers_off = layers_off
        self._nudge = nudge
        self._book = PolicyBook(store)
        self._poll_s = poll_s
        self._snapshot_age = timedelta(seconds=snapshot_age_s)
        self._projects: AtHand[ProjectKey, _Project] = AtHand(
            maxsize=decisions_max, getsizeof=lambda project: 1 + len(project.decisions)
        )
        self._reading: dict[ProjectKey, asyncio.Task[None]] = {}
        self._arrived: dict[ProjectKey, list[Decision]] = {}
        self._unread: set[ProjectKey] = set()
        """Projects that changed and could not be read since."""
        self._listeners: list[Listener] = []
        self._revisions = itertools.count(1)
        self._seen: int | None = None
        self._confirmed_at: datetime | None = None
        self._store_answers = True
        self._look = asyncio.Event()

    # -- deciding: memory only, no await ------------------------------------------------------
    def decide(self, ref: ArtifactRef, *, requester: str, as_of: datetime) -> Decision:  # noqa: ARG002 - groups come with later rules
        """What to do with a request for `ref`; SERVE only where a decision that holds says so."""
        project = self._projects.get((ref.index, ref.project))
        if project is None:
            return self._held(ref, as_of, ReasonCode.UNSEEN)
        stored = project.decisions.get(ref.key)
        decision = (
            self._word(project, ref, as_of)
            if stored is None
            else self._in_force(project, stored, as_of)
        )
        if decision.action is not Action.SERVE:
            return decision
        return self._contradiction(project, decision, as_of) or decision

    def lets_through(self, decision: Decision, groups: tuple[str, ...] = ()) -> bool:
        """Whether bytes may leave to a client of these groups: a decision acts where policy enforces it."""
        if decision.action is Action.SERVE:
            return True
        policy = self._policy()
        own = self._index_modes.get(decision.ref.index)
        # Nobody waits for what the organisation made itself: it is looked at afterwards.
        unseen = policy.observe_unseen if own is None else own is not Mode.ENFORCE
        through = lets_through(decision, self._mode(decision, groups), unseen=unseen)
        return through and not self._denied_since(decision)

    def lets_go(self, decision: Decision, groups: tuple[str, ...] = ()) -> bool:
        """Whether a file whose analysis is not done may leave to a client of these groups all the same.

        Only where memory is true: what the store would say against it, no mode overrules.
        """
        ref = decision.ref
        project = self._projects.get((ref.index, ref.project))
        if project is None or project.suspect or self._outdated(project, self._clock()):
            return False
        goes = may_let_through(decision, self._mode(decision, groups))
        return goes and not self._denied_since(decision)

    def was_let_go(self, ref: ArtifactRef) -> bool:
        """Whether it went out before while its analysis was not done, and still is not."""
        stored = self.stored(ref)
        return stored is not None and stored.hold is HoldKind.ANALYSIS

    def _mode(self, decision: Decision, groups: tuple[str, ...]) -> Mode:
        """That of the index, where it has one of its own, else the policy's for these groups."""
        return self._index_modes.get(decision.ref.index) or self._policy().mode_of(groups)

    def marks(self, groups: tuple[str, ...] = ()) -> bool:
        """Whether pages tell a client of these groups what would be refused: not while it is observed."""
        return self._policy().mode_of(groups) is not Mode.OBSERVE

    def marks_index(self, index: IndexName) -> bool:
        """Whether pages say what would be refused of an upstream's files."""
        return self._index_modes.get(index) is not Mode.OBSERVE

    async def view(
        self,
        index: IndexName,
        name: NormalizedName,
        files: Iterable[IndexFile],
        *,
        as_of: datetime,
    ) -> View:
        """The decisions in force of the files on one page.

        It gives way to other requests now and then; should something change meanwhile, the
        project's revision is another one afterwards.
        """
        project = self._projects.get((index, name))
        if project is None:
            return View(decisions={}, good_until=None, fallback=self._policy().fallback)
        # Nothing is said of what has no decision; a page of thousands may have a few.
        silent = not (project.overrides or project.blocked)
        decisions: dict[str, Decision] = {}
        for number, file in enumerate(files):
            if number % VIEW_AT_ONCE == VIEW_AT_ONCE - 1:
                await asyncio.sleep(0)
            if file.sha256 is None:
                continue
            key = key_of(index, name, file.sha256, file.filename)
            if not silent or key in project.decisions:
                ref = ArtifactRef(
                    index=index, project=name, filename=file.filename, sha256=file.sha256
                )
                decisions[key] = self.decide(ref, requester="", as_of=as_of)
        moments = [d.expires_at for d in decisions.values() if d.expires_at]
        moments += _turns(project.overrides)
        return View(
            decisions=decisions,
            good_until=min((m for m in moments if m > as_of), default=None),
            fallback=self._policy().fallback,
        )

    def revision(self, index: IndexName, name: NormalizedName) -> Hashable:
        """Never equal for two states of a project or its policy; None where it is not loaded."""
        project = self._projects.get((index, name))
        return None if project is None else (project.revision, self._policy().digest)

    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    def stored(self, ref: ArtifactRef) -> Decision | None:
        """The decision of `ref` that the store holds, as far as memory knows."""
        project = self._projects.get((ref.index, ref.project))
        return None if project is None else project.decisions.get(ref.key)

    def alternative(self, ref: ArtifactRef, *, as_of: datetime) -> str:
        """The highest other version that is served right now, final releases first; or empty."""
        project = self._projects.get((ref.index, ref.project))
        if project is None:
            return ""
        if project.servable is None:
            project.servable = _servable(project)
        for other in project.servable:
            if other.version != ref.version and self._serves(other, as_of):
                return other.version
        return ""

    def confirmed_at(self) -> datetime | None:
        """When the store last confirmed that memory is true."""
        return self._confirmed_at

    # -- memory -------------------------------------------------------------------------------
    def listen(self, listener: Listener) -> None:
        """Call `listener` with (index, project) after each change."""
        self._listeners.append(listener)

    def put(self, decision: Decision) -> None:
        """Remember a decision that is already stored; an older one than memory's is ignored."""
        key = (decision.ref.index, decision.ref.project)
        if key in self._reading:
            self._arrived.setdefault(key, []).append(decision)
        project = self._projects.get(key)
        if project is not None and _newer(decision, project.decisions.get(decision.ref.key)):
            decisions = project.decisions | {decision.ref.key: decision}
            self._remember(key, replace(project, decisions=decisions, words={}))
        self._tell(key)

    async def load(self, index: IndexName, name: NormalizedName) -> None:
        """Bring a project into memory if it is not there; where the store fails it stays unknown."""
        if (index, name) in self._projects:
            return
        with suppress(PratiqueError, TimeoutError):  # logged where it is read; unknown means held
            async with asyncio.timeout(LOAD_S):
                await self._read_shared((index, name))

    async def settle(self, decision: Decision) -> None:
        """Store what `decide` concluded without evidence, before anybody acts on it.

        Raises StoreError, upon which nothing may be served on its account.
        """
        if decision.evidence_digest is not None or decision.hold is HoldKind.ANALYSIS:
            return
        project = self._projects.get((decision.ref.index, decision.ref.project))
        if project is None or project.words.get(decision.ref.key) is not decision:
            return
        policy = self._policy()
        if policy.digest == decision.policy_digest:
            await self._book.keep(policy)
        # The store tells it only where this is the first decision of its file.
        telling = told_of(decision, None, fetches=0, origin=self._origin, at=self._clock())
        await self._store.put_decision(decision, actor=GATE, telling=telling)
        # The desk may have stored one that rests on evidence a moment before: then that one holds.
        self.put(await self._store.decision_of(decision.ref) or decision)

    def look(self) -> None:
        """Poll now: another process says that something changed."""
        self._look.set()

    async def let_go(self, decision: Decision) -> None:
        """Store that a file goes out while its analysis is not done, before it does.

        The fetch record then names a decision that is there, and whoever has it is told of what the
        analysis finds. Raises StoreError, upon which nothing may go out.
        """
        ref = decision.ref
        if decision.hold is not HoldKind.ANALYSIS or self.stored(ref) is not None:
            return
        policy = self._policy()
        if policy.digest == decision.policy_digest:
            await self._book.keep(policy)
        await self._store.put_decision(decision, actor=GATE)
        self.put(await self._store.decision_of(ref) or decision)

    async def follow(self, stop: asyncio.Event) -> None:
        """Poll the generation until `stop`, and read anew what changed."""
        ringer = asyncio.create_task(self._look_at(stop))
        try:
            while not stop.is_set():
                self._look.clear()
                try:
                    await self.poll()
                except (
                    Exception
                ):  # the edge of a task: what it follows only grows older, which is seen
                    LOG.exception("store_poll_failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._look.wait()
        finally:
            ringer.cancel()

    async def _look_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._look.set()

    async def poll(self) -> bool:
        """One look at the store; True where memory is true again."""
        asked_at = self._clock()
        try:
            if self._seen is None:
                self._seen = await self._store.generation()
            changes = await self._store.changes_since(self._seen)
        except PratiqueError as error:
            if self._store_answers:
                LOG.warning("store_poll_failed", error=error.message)
            self._store_answers = False
            return False
        if not self._store_answers:
            LOG.info("store_poll_recovered")
        self._store_answers = True
        # One project that cannot be read must not keep a denial from all the others.
        self._unread |= {(change.index, change.project) for change in changes}
        self._seen = max((change.generation for change in changes), default=self._seen)
        for key in tuple(self._unread):
            with suppress(PratiqueError):  # logged where it is read; nothing of it is served
                await self._read_again(key)
                self._unread.discard(key)
        self._confirmed_at = asked_at
        return not self._unread

    # -- how decide() concludes ---------------------------------------------------------------
    def _in_force(self, project: _Project, stored: Decision, as_of: datetime) -> Decision:
        expired = stored.expires_at is not None and stored.expires_at <= as_of
        if not expired and not _override_ended(project, stored, as_of):
            return stored
        self._nudge()
        if stored.evidence_digest is None and stored.facts_digest is None:
            return self._word(project, stored.ref, as_of)
        return self._held(stored.ref, as_of, ReasonCode.STILL_CHECKING)

    def _contradiction(
        self, project: _Project, served: Decision, as_of: datetime
    ) -> Decision | None:
        """What forbids an approval after all; None where nothing does."""
        if project.suspect or self._outdated(project, as_of):
            return self._held(served.ref, as_of, ReasonCode.STILL_CHECKING)
        policy = self._policy()
        stale = served.policy_digest != policy.digest
        if stale and policy.freeze is not None and policy.freeze.may_hold(served, as_of):
            # A freeze is for emergencies: it does not wait until the judge has derived it all again.
            return self._held(served.ref, as_of, ReasonCode.STILL_CHECKING)
        if project.overrides or stale:
            # A new explicit deny, or a new rule that refuses without looking further, counts at
            # once, before the judge has derived the decision again.
            word = self._word(project, served.ref, as_of)
            if word.action is Action.DENY or (stale and word.hold is HoldKind.REVIEW):
                return word
        if project.blocked and not served.override_id:
            blamed = project.blocked.get(served.ref.version)
            if blamed is not None and blamed.ref != served.ref:
                return self._tainted(served.ref, as_of, blamed)
        return None

    def _denied_since(self, decision: Decision) -> bool:
        """Whether a person denied by name what the judge has not held against that yet.

        A mode lets a hold through, and never a denial, however new that is.
        """
        ref = decision.ref
        project = self._projects.get((ref.index, ref.project))
        if project is None or not project.overrides or decision.action is not Action.HOLD:
            return False
        return self._word(project, ref, self._clock()).action is Action.DENY

    def _outdated(self, project: _Project, as_of: datetime) -> bool:
        confirmed = max(project.read_at, self._confirmed_at or project.read_at)
        return as_of - confirmed > self._snapshot_age

    def _word(self, project: _Project, ref: ArtifactRef, as_of: datetime) -> Decision:
        """What policy says of `ref` without evidence: HOLD(analysis), or an override's word."""
        policy = self._policy()
        until = project.words_until
        if project.words_policy != policy.digest or (until is not None and until <= as_of):
            project.words.clear()
            project.words_policy = policy.digest
            turns = [moment for moment in _turns(project.overrides) if moment > as_of]
            project.words_until = min(turns, default=None)
        word = project.words.get(ref.key)
        if word is not None and (word.expires_at is None or word.expires_at > as_of):
            return word
        case = Case(
            ref=ref,
            as_of=as_of,
            facts=None,
            evidence=None,
            score=None,
            overrides=project.overrides,
            layers_off=self._layers_off,
        )
        word = evaluate(case, policy)
        if len(project.words) >= WORDS_MAX:
            project.words.clear()
        project.words[ref.key] = word
        return word

    def _tainted(self, ref: ArtifactRef, as_of: datetime, blamed: Decision) -> Decision:
        """An approved file beside one that is proved hostile: whoever made that one made this one."""
        return replace(
            self._held(ref, as_of, ReasonCode.RELEASE_SIBLING_BLOCKED),
            hold=HoldKind.REVIEW,
            tier=TrustTier.QUARANTINE,
            reasons=(reason(ReasonCode.RELEASE_SIBLING_BLOCKED, decision=blamed.id),),
        )

    def _held(self, ref: ArtifactRef, as_of: datetime, code: ReasonCode) -> Decision:
        return Decision(
            ref=ref,
            action=Action.HOLD,
            hold=HoldKind.ANALYSIS,
            tier=None,
            score=None,
            reasons=(reason(code),),
            as_of=as_of,
            policy_digest=self._policy().digest,
            layers_off=self._layers_off,
        )

    def _serves(self, ref: ArtifactRef, as_of: datetime) -> bool:
        return self.decide(ref, requester="", as_of=as_of).action is Action.SERVE

    # -- reading from the store ---------------------------------------------------------------
    async def _read_shared(self, key: ProjectKey) -> None:
        """One read of a project at a time; it outlives the request that began it."""
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._read(key), name=f"gate-read-{key[1]}")
            self._reading[key] = task
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        await asyncio.shield(task)

    async def _read_again(self, key: ProjectKey) -> None:
        """Read after a change: a read that began before it may have missed it."""
        if key in self._reading:
            with suppress(PratiqueError):
                await self._read_shared(key)
        if key not in self._projects:
            return
        try:
            await self._read_shared(key)
        except Exception:
            project = self._projects.get(key)
            if project is not None:
                project.suspect = True
            raise

    async def _read(self, key: ProjectKey) -> None:
        index, name = key
        try:
            if self._seen is None:
                self._seen = await self._store.generation()
            read_at = self._clock()
            decisions = {d.ref.key: d for d in await self._store.decisions_of(index, name)}
            overrides = await self._store.overrides(project=name)
        except PratiqueError as error:
            self._arrived.pop(key, None)
            LOG.warning("project_load_failed", project=name, error=error.message)
            raise
        for decision in self._arrived.pop(key, []):
            if _newer(decision, decisions.get(decision.ref.key)):
                decisions[decision.ref.key] = decision
        before = self._projects.get(key)
        if before and before.decisions == decisions and before.overrides == overrides:
            before.read_at, before.suspect = read_at, False
            return
        self._remember(
            key,
            _Project(decisions=decisions, overrides=overrides, read_at=read_at, revision=0),
        )
        self._tell(key)

    def _remember(self, key: ProjectKey, project: _Project) -> None:
        project.revision = next(self._revisions)
        project.blocked = _blocked(project.decisions.values())
        project.servable = None
        try:
            self._projects[key] = project
        except ValueError:  # larger than all of memory: unknown, hence held
            self._projects.pop(key, None)
            LOG.error("project_too_large", project=key[1], decisions=len(project.decisions))

    def _tell(self, key: ProjectKey) -> None:
        for listener in self._listeners:
            listener(*key)


def _newer(decision: Decision, than: Decision | None) -> bool:
    return than is None or decision.as_of >= than.as_of


def _override_ended(project: _Project, stored: Decision, as_of: datetime) -> bool:
    if not stored.override_id:
        return False
    return not any(o.id == stored.override_id and o.active(as_of) for o in project.overrides)


def _turns(overrides: Iterable[Override]) -> list[datetime]:
    """The moments at which an override comes into force or ends."""
    return [moment for o in overrides for moment in (o.created_at, o.expires_at)]


def _blocked(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Releases of which one file is refused upon a proof."""
    return {
        decision.ref.version: decision
        for decision in decisions
        if decision.action is Action.DENY
        and decision.ref.version
        and any(cause.code in PROOFS for cause in decision.reasons)
    }


def _servable(project: _Project) -> tuple[ArtifactRef, ...]:
    ranked: list[tuple[bool, Version, ArtifactRef]] = []
    for decision in project.decisions.values():
        if decision.action is Action.SERVE:
            with suppress(InvalidVersion):
                version = Version(decision.ref.version)
                ranked.append((not version.is_prerelease, version, decision.ref))
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    return tuple(ref for _, _, ref in ranked)
