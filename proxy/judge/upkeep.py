"""Keeping decisions true: leases that ran out, decisions that end, change their ground, or go stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from time import monotonic

import structlog

from models.artifact import ArtifactRef
from models.canonical import Digest
from models.clock import Clock
from models.decision import Decision, Override, OverrideAction, ReasonCode
from models.errors import JudgeUnavailable, PratiqueError
from models.evidence import Layer
from models.work import JobState
from policies.overrides import speaking
from policies.policy import Policy
from proxy.judge.advised import Advised, AdvisoryFollower
from proxy.judge.dependants import concerned
from proxy.judge.hearing import Hearings, analysis_failed
from proxy.relatives import approved_sibling
from proxy.store.port import Change, Store, TokenKind

LOG = structlog.get_logger()

STALE_BATCH = 20
"""Stale decisions derived again in one sweep; new work is judged beside it, not behind it."""
EXPIRED_BATCH = 50
"""Ended decisions derived again in one sweep."""
FOLLOW_BATCH = 200
"""Changed projects looked at in one sweep."""
CATCH_UP_S = 0.1
"""Seconds of one sweep for what changed before the start: a project may have a thousand decisions."""
DEPENDANTS_BATCH = 10
"""Dependants of a refused release derived again in one sweep: half the world may hang on one."""
DEPENDANTS_WAITING_MAX = 10_000
"""Dependants that wait for it; beyond it they stay as they are until they are judged anyway."""
AT_ONCE = 2
"""Derivations under way at once for upkeep, so that the judge is free for new work."""
SKIP_S = 300.0
"""Seconds that a ref which cannot be judged is left alone by upkeep."""
SKIPPED_MAX = 1_000
"""Refs that are left alone at most; beyond it the oldest is tried again."""
WORKER_SWEEP_S = 60.0
"""Seconds between two looks at what rests on a revoked worker, once there was nothing left."""
REVISITED_MAX = 10_000
"""Decisions looked at when layers were switched on or off (the store gives no more at once)."""


PLATFORM = frozenset({ReasonCode.WRONG_PLATFORM, ReasonCode.PLATFORM_SIBLING})
"""Causes of decisions about wheels that no worker can run."""


async def leave_it(_: str) -> None:
    """Nobody wants to hear of it."""


class Upkeep:
    """One sweep does a little of everything; `sweep` says whether there is more to do at once."""

    def __init__(
        self,
        *,
        store: Store,
        hearings: Hearings,
        policy: Callable[[], Policy],
        model_digest: Callable[[Policy], Digest],
        clock: Clock,
        layers_off: tuple[Layer, ...],
        advised: Advised | None = None,
        nudge: Callable[[], None],
        lease_expired: Callable[[str], Awaitable[None]] = leave_it,
    ) -> None:
        self._lease_expired = lease_expired
        self._store = store
        self._hearings = hearings
        self._policy = policy
        self._model_digest = model_digest
        self._clock = clock
        self._layers_off = layers_off
        self._nudge = nudge
        self._room = asyncio.Semaphore(AT_ONCE)
        self.catching_up = True
        """Whether the walk through all projects that follows a start is not at its end yet."""
        self._followed: int | None = None
        self._unwalked = 0
        """Projects that changed before it have not been looked at since the start."""
        self._skipped: dict[ArtifactRef, datetime] = {}
        self._clear_workers: dict[str, datetime] = {}
        self._layers_revisited = False
        self._advisories = advised and AdvisoryFollower(
            store=store, advised=advised, clock=clock, derive=self._derive_as_advised
        )
        self._dependants: dict[ArtifactRef, None] = {}

    async def sweep(self) -> bool:
        """Do a little of everything. A step that fails is logged, and the next sweep does it."""
        more = False
        for step in (
            self.expire_leases,
            self.follow_changes,
            self.catch_up,
            self.follow_advisories,
            self.derive_dependants,
            self.derive_expired,
            self.ask_for_facts,
            self.leave_revoked_workers,
            self.revisit_layers,
            self.derive_stale,
        ):
            more = await self._attempt(step) or more
        return more

    async def expire_leases(self) -> bool:
        """Take jobs back from workers that fell silent; some of them wait for the judge now."""
        ended = await self._store.expire_leases(self._clock())
        for job in ended:
            LOG.warning(
                "lease_expired",
                filename=job.ref.filename,
                worker=job.worker,
                attempts=job.attempts,
                state=job.state.value,
            )
        for worker in sorted({job.worker for job in ended}):
            await self._lease_expired(worker)
        if any(job.state is JobState.OBSERVED for job in ended):
            self._nudge()
        return False

    async def follow_changes(self) -> bool:
        """Look at every project that changed since the first sweep, be it by this process or another."""
        generation = await self._store.generation()
        if self._followed is None:
            self._followed, self._unwalked = generation, generation + 1
        if generation <= self._followed:
            return False
        changes = await self._store.changes_since(self._followed, limit=FOLLOW_BATCH)
        for change in changes:
            await self._follow(change)
            self._followed = max(self._followed, change.generation)
        return len(changes) == FOLLOW_BATCH

    async def catch_up(self) -> bool:
        """After a start, look at what changed before it, the newest first, until nothing is left.

        Overrides may have come and gone while nobody watched.
        """
        if not self.catching_up or self._followed is None:
            return False
        begun = monotonic()
        changes = await self._store.changes_before(self._unwalked, limit=FOLLOW_BATCH)
        for change in changes:
            await self._follow(change)
            self._unwalked = change.generation
            if monotonic() - begun > CATCH_UP_S:
                return True
        self.catching_up = len(changes) == FOLLOW_BATCH
        return self.catching_up

    async def follow_advisories(self) -> bool:
        """Judge again what an advisory that came, changed or went is about."""
        return await self._advisories.follow() if self._advisories else False

    async def derive_dependants(self) -> bool:
        """Derive again, with facts as of now, some of those whose dependency was refused or freed."""
        batch = list(self._dependants)[:DEPENDANTS_BATCH]
        for ref in batch:
            del self._dependants[ref]
        await self._derive(batch, fresh=True)
        return bool(self._dependants)

    async def derive_expired(self) -> bool:
        """Derive again what has ended: an age reached, an override over, a failure to retry."""
        now = self._clock()
        ended = self._not_skipped(
            await self._store.decisions_expired(now, limit=EXPIRED_BATCH + len(self._skipped))
        )
        for decision in ended:
            if analysis_failed(decision) and await self._idle(decision.ref):
                await self._hearings.requeue(decision.ref)
        await self._derive((decision.ref for decision in ended), fresh=True)
        return len(ended) >= EXPIRED_BATCH

    async def derive_stale(self) -> bool:
        """Derive again what rests on another policy, or another model than the one it names."""
        policy = self._policy()
        stale = self._not_skipped(
            await self._store.decisions_not_resting_on(
                policy.digest,
                self._model_digest(policy),
                limit=STALE_BATCH + len(self._skipped),
            )
        )
        await self._derive((decision.ref for decision in stale), fresh=False)
        return len(stale) >= STALE_BATCH

    async def ask_for_facts(self) -> bool:
        """Judge again, with facts, what had to be judged without."""
        wanting = self._hearings.wanting_facts()[:STALE_BATCH]
        await self._derive(wanting, fresh=True)
        return False

    async def leave_revoked_workers(self) -> bool:
        """Derive again what rests on evidence of workers whose token was revoked."""
        now = self._clock()
        tokens = await self._store.tokens(kind=TokenKind.WORKER)
        active = {token.name for token in tokens if token.active(now)}
        revoked = {token.name for token in tokens if token.revoked_at is not None} - active
        for name in sorted(revoked):
            looked = self._clear_workers.get(name)
            if looked is None or (now - looked).total_seconds() >= WORKER_SWEEP_S:
                await self.leave_worker(name)
                self._clear_workers[name] = now
        return False

    async def leave_worker(self, name: str) -> None:
        """Derive again what rests on one worker's evidence; the store must distrust it already."""
        resting = await self._store.decisions_by_worker(name)
        await self._derive((decision.ref for decision in resting), fresh=False)

    async def revisit_layers(self) -> bool:
        """Once after a start: follow layers that the operator switched on or off since.

        A layer that is on again needs a new analysis; until then the old decision stays, capped
        as it is.
        """
        if self._layers_revisited:
            return False
        now_off = set(self._layers_off)
        changed = [
            decision
            for decision in await self._store.decisions(limit=REVISITED_MAX)
            if set(decision.layers_off) != now_off and decision.evidence_digest is not None
        ]
        for decision in changed:
            if set(decision.layers_off) - now_off and await self._idle(decision.ref):
                await self._hearings.requeue(decision.ref)
        switched_off = (d.ref for d in changed if now_off - set(d.layers_off))
        await self._derive(switched_off, fresh=False)
        self._layers_revisited = True
        return False

    async def _follow(self, change: Change) -> None:
        decisions = await self._store.decisions_of(change.index, change.project)
        contradicted = await self._contradicted(change, decisions)
        await self._derive(contradicted, fresh=False)
        if contradicted:
            decisions = await self._store.decisions_of(change.index, change.project)
        await self._derive(await self._of_other_sibling(decisions), fresh=False)
        for ref in await concerned(self._store, change, decisions):
            if len(self._dependants) < DEPENDANTS_WAITING_MAX:
                self._dependants[ref] = None

    async def _contradicted(
        self, change: Change, decisions: tuple[Decision, ...]
    ) -> tuple[ArtifactRef, ...]:
        """Refs of a project whose decision is not what overrides now say."""
        overrides = await self._store.overrides(project=change.project)
        if not overrides and not any(decision.override_id for decision in decisions):
            return ()
        policy, now = self._policy(), self._clock()
        refs = [d.ref for d in decisions if spoken_for(d, overrides, policy, now) != d.override_id]
        decided = {decision.ref for decision in decisions}
        for job in await self._store.jobs(limit=REVISITED_MAX):
            ref = job.ref
            if (ref.index, ref.project) == (change.index, change.project) and ref not in decided:
                deny, allow = _speaking(ref, overrides, policy, now)
                if deny or allow:
                    refs.append(ref)
        return tuple(refs)

    async def _of_other_sibling(self, decisions: tuple[Decision, ...]) -> tuple[ArtifactRef, ...]:
        """Refs of a project that no worker can run, whose approved sibling came or went."""
        if not self._policy().native_of_sibling:
            return ()  # those that rested on one are stale by the policy's digest
        refs = []
        for decision in decisions:
            if PLATFORM.isdisjoint(stated.code for stated in decision.reasons):
                continue
            facts = evidence = None
            if decision.facts_digest is not None:
                facts = await self._store.facts(decision.facts_digest)
            if decision.evidence_digest is not None:
                evidence = await self._store.evidence(decision.evidence_digest)
            known = facts.approved_sibling if facts else ""
            if await approved_sibling(self._store, decision.ref, evidence) != known:
                refs.append(decision.ref)
        return tuple(refs)

    async def _derive(self, refs: Iterable[ArtifactRef], *, fresh: bool) -> None:
        """Derive some refs again. Raises JudgeUnavailable, for then no other one would go better."""
        results = await asyncio.gather(
            *(self._derive_one(ref, fresh=fresh) for ref in dict.fromkeys(refs)),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _derive_as_advised(self, ref: ArtifactRef) -> bool:
        await self._derive_one(ref, fresh=False)
        return ref not in self._skipped

    async def _derive_one(self, ref: ArtifactRef, *, fresh: bool) -> None:
        async with self._room:
            try:
                await self._hearings.hear(ref, fresh=fresh)
            except JudgeUnavailable:
                raise
            except PratiqueError as error:
                LOG.error("decision_not_derived", filename=ref.filename, error=error.message)
                self._skip(ref)
            except Exception:  # task edge: one odd case must not end upkeep
                LOG.exception("decision_not_derived", filename=ref.filename)
                self._skip(ref)
            else:
                self._skipped.pop(ref, None)

    def _skip(self, ref: ArtifactRef) -> None:
        while len(self._skipped) >= SKIPPED_MAX:
            self._skipped.pop(next(iter(self._skipped)))
        self._skipped[ref] = self._clock()

    def _not_skipped(self, decisions: tuple[Decision, ...]) -> list[Decision]:
        now = self._clock()
        for ref, since in tuple(self._skipped.items()):
            if (now - since).total_seconds() >= SKIP_S:
                del self._skipped[ref]
        return [decision for decision in decisions if decision.ref not in self._skipped]

    async def _idle(self, ref: ArtifactRef) -> bool:
        """Whether no analysis of `ref` is under way or waits for the judge."""
        job = await self._store.job_of(ref)
        return job is None or job.state is JobState.DECIDED

    async def _attempt(self, step: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await step()
        except PratiqueError as error:
            LOG.warning("upkeep_failed", step=getattr(step, "__name__", ""), error=error.message)
        except Exception:  # task edge: one odd row must not end the desk, and the proxy with it
            LOG.exception("upkeep_failed", step=getattr(step, "__name__", ""))
        return False


def spoken_for(
    decision: Decision, overrides: tuple[Override, ...], policy: Policy, as_of: datetime
) -> str:
    """The id of the override that should have made `decision`; empty: none."""
    deny, allow = _speaking(decision.ref, overrides, policy, as_of)
    proven = any(stated.code.value.startswith("proof-") for stated in decision.reasons)
    if proven:
        above = allow is not None and allow.above_proof and policy.override_above_proof
        return allow.id if allow is not None and above and deny is None else ""
    chosen = deny or allow
    return chosen.id if chosen else ""


def _speaking(
    ref: ArtifactRef, overrides: tuple[Override, ...], policy: Policy, as_of: datetime
) -> tuple[Override | None, Override | None]:
    return (
        speaking(overrides, OverrideAction.DENY, ref, policy, as_of),
        speaking(overrides, OverrideAction.ALLOW, ref, policy, as_of),
    )
