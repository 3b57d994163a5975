"""One case from store to store: gather it, have it judged, keep the decision, tell who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

import structlog

from analyzer.confusion.findings import OWNED_SIGNAL
from models.artifact import ArtifactRef
from models.canonical import Digest
from models.clock import Clock
from models.decision import Decision, HoldKind, ReasonCode
from models.errors import JudgeRefused, Overloaded, PratiqueError
from models.evidence import Layer, Shortfall
from models.facts import FACTS_SCHEMA_VERSION, Facts
from models.judgement import JudgeRequest
from models.work import FACTS_RETRY_S, Job, JobState, Priority
from policies.overrides import in_scope
from policies.policy import Policy
from proxy.judge.advised import Advised
from proxy.judge.port import Judge
from proxy.policybook import PolicyBook
from proxy.relatives import approved_sibling
from proxy.sources.advisories import has_proof, with_advisories
from proxy.store.port import Store
from proxy.telling.verdicts import events_of

LOG = structlog.get_logger()

FACTS_S = 20.0
"""Seconds that gathering facts may take; after that the older ones, or none, have to do."""
WANTING_MAX = 10_000
"""Refs remembered that were judged without facts; the rest wait for the next change of policy."""

FactsSource = Callable[[ArtifactRef], Awaitable[Facts]]


class Hearings:
    """Judges refs, one at a time for each ref, so that no older decision overwrites a newer one."""

    def __init__(
        self,
        *,
        store: Store,
        judge: Judge,
        policy: Callable[[], Policy],
        model_digest: Callable[[Policy], Digest],
        clock: Clock,
        on_decision: Callable[[Decision], None],
        layers_off: tuple[Layer, ...],
        facts: FactsSource,
        advised: Advised | None = None,
        origin: str = "",
    ) -> None:
        """`origin` is ours, for the links in what people are told."""
        self._store = store
        self._origin = origin
        self._judge = judge
        self._policy = policy
        self._model_digest = model_digest
        self._clock = clock
        self._on_decision = on_decision
        self._layers_off = layers_off
        self._facts = facts
        self._advised = advised
        self._book = PolicyBook(store)
        self._locks: WeakValueDictionary[ArtifactRef, asyncio.Lock] = WeakValueDictionary()
        self._wanting: dict[ArtifactRef, datetime] = {}

    async def hear(self, ref: ArtifactRef, *, fresh: bool, given_up: bool = False) -> Decision:
        """The decision about `ref`, stored if it says anything new.

        `fresh` asks the index for facts again; else those of the last decision are used, unless its
        name was compared with other owned names than are in force.
        `given_up` leaves out evidence that the judge cannot read. Raises JudgeUnavailable,
        JudgeRefused and StoreError; nothing is changed then.
        """
        lock = self._locks.setdefault(ref, asyncio.Lock())
        async with lock:
            return await self._hear(ref, fresh=fresh, given_up=given_up)

    async def requeue(self, ref: ArtifactRef, facts: Facts | None = None) -> bool:
        """Queue `ref` for analysis in the background; False where there is no room now.

        What is known to be malicious is never run: it is not queued.
        """
        job = await self._store.job_of(ref)
        known = facts or await self._fresh_facts(ref) or _no_facts(ref, self._clock())
        if has_proof(known.findings):
            LOG.warning("requeue_refused", filename=ref.filename, error="it is known")
            return False
        size = known.size_bytes if known.size_bytes is not None else job.size_bytes if job else 0
        try:
            await self._store.enqueue(
                ref, size_bytes=size, facts=known, priority=Priority.RESCAN, now=self._clock()
            )
        except Overloaded as error:
            LOG.warning("requeue_refused", filename=ref.filename, error=error.message)
            return False
        return True

    def wanting_facts(self) -> tuple[ArtifactRef, ...]:
        """Refs judged without facts, or with those of other owned names, for which it is time to ask again."""
        now = self._clock()
        return tuple(
            ref
            for ref, since in self._wanting.items()
            if (now - since).total_seconds() >= FACTS_RETRY_S
        )

    async def _hear(self, ref: ArtifactRef, *, fresh: bool, given_up: bool) -> Decision:
        begun = time.monotonic()
        policy = self._policy()
        await self._book.keep(policy)
        before = await self._store.decision_of(ref)
        request = await self._request(ref, before, policy, fresh=fresh, given_up=given_up)
        decision = await self._judge.judge(request)
        self._check(decision, request, policy)
        if before is None and decision.hold is HoldKind.ANALYSIS:
            return decision  # the gate knows this by itself; a row would say nothing
        if before is not None and _says_the_same(decision, before):
            await self._store.put_decision(before)  # no new history, but it ends an observed job
            return before
        if request.facts is not None:
            await self._store.put_facts(request.facts)
        telling = await events_of(
            self._store, decision, before, origin=self._origin, at=self._clock()
        )
        await self._store.put_decision(decision, telling=telling)
        _log(decision, duration_ms=int((time.monotonic() - begun) * 1000))
        self._on_decision(decision)
        if decision.hold is HoldKind.ANALYSIS:
            await self.requeue(ref, request.facts)
        return decision

    async def _request(
        self,
        ref: ArtifactRef,
        before: Decision | None,
        policy: Policy,
        *,
        fresh: bool,
        given_up: bool,
    ) -> JudgeRequest:
        evidence = None
        if not given_up:
            evidence = await self._store.latest_evidence(ref.sha256, ref.filename)
        failed, failures = False, 0
        if evidence is None:
            job = await self._store.job_of(ref)
            failed, failures = given_up_count(before, job, given_up=given_up)
        facts = await self._advise(ref, await self._facts_for(ref, before, fresh=fresh))
        if facts is not None:
            # Never that of the last judgement: siblings are approved and refused meanwhile.
            facts = with_sibling(facts, await approved_sibling(self._store, ref, evidence))
        as_of = self._clock()
        overrides = await self._store.overrides(project=ref.project)
        return JudgeRequest(
            id=0,
            ref=ref,
            as_of=as_of,
            policy_toml=policy.text,
            facts=facts,
            evidence=evidence,
            overrides=tuple(
                override
                for override in overrides
                if override.revoked_at is None
                and as_of < override.expires_at
                and in_scope(override, ref)
            ),
            layers_off=self._layers_off,
            analysis_failed=failed,
            analysis_failures=failures,
        )

    async def _facts_for(
        self, ref: ArtifactRef, before: Decision | None, *, fresh: bool
    ) -> Facts | None:
        stored = None
        if before is not None and before.facts_digest is not None:
            stored = await self._store.facts(before.facts_digest)
        policy = self._policy()
        fresh = fresh or stored is None or _compared_with_others(stored, policy)
        facts = await self._fresh_facts(ref) if fresh else stored
        if facts is None:
            facts = stored
        if facts is not None and not _compared_with_others(facts, policy):
            self._wanting.pop(ref, None)
        elif len(self._wanting) < WANTING_MAX:
            self._wanting[ref] = self._clock()
        return facts

    async def _advise(self, ref: ArtifactRef, facts: Facts | None) -> Facts | None:
        """The facts with what advisories say now: they are ours, and need no upstream.

        Without any facts a proof still counts; less than that waits until the index answers.
        """
        if self._advised is None:
            return facts
        base = facts or _no_facts(ref, self._clock())
        advised = with_advisories(base, await self._advised.told(ref, self._clock()))
        return advised if facts is not None or has_proof(advised.findings) else None

    async def _fresh_facts(self, ref: ArtifactRef) -> Facts | None:
        """The facts as of now; None where the index does not tell them."""
        try:
            async with asyncio.timeout(FACTS_S):
                return await self._facts(ref)
        except (PratiqueError, TimeoutError) as error:
            LOG.warning("facts_missing", filename=ref.filename, error=str(error)[:300])
            return None

    def _check(self, decision: Decision, request: JudgeRequest, policy: Policy) -> None:
        """A judge of another version must not fill the store with what goes stale at once."""
        # Large evidence takes 50 ms to digest: that is the judge's work, not the event loop's.
        named = self._model_digest(policy)
        model = decision.score.model_digest if decision.score else named
        if (
            decision.ref != request.ref
            or decision.policy_digest != policy.digest
            or (decision.evidence_digest is None) is not (request.evidence is None)
            or model != named
        ):
            raise JudgeRefused(
                "The judge runs another version than the proxy.",
                next_step="Restart `pratique serve`, so that both are of one version.",
            )


def given_up_count(
    before: Decision | None, job: Job | None, *, given_up: bool = False
) -> tuple[bool, int]:
    """Whether analysis has failed, and how often in a row: kept in the decision's own reason."""
    tries = failures_in(before)
    if given_up or (job is not None and job.state is JobState.OBSERVED):
        return True, tries + 1
    under_way = job is not None and job.state in {JobState.QUEUED, JobState.LEASED}
    return (analysis_failed(before) and not under_way), tries


def analysis_failed(decision: Decision | None) -> bool:
    """Whether `decision` says that the analysis failed."""
    return decision is not None and any(
        stated.code is ReasonCode.INCOMPLETE
        and stated.word("shortfall") == Shortfall.ANALYSIS_FAILED.value
        and stated.word("tries")
        for stated in decision.reasons
    )


def failures_in(decision: Decision | None) -> int:
    """How often in a row analysis had failed when `decision` was made."""
    if decision is None:
        return 0
    tries = (stated.word("tries") for stated in decision.reasons)
    return max((int(text) for text in tries if text.isdecimal()), default=0)


def _says_the_same(decision: Decision, before: Decision) -> bool:
    """Whether nothing but the moment, and the version of the form, is new."""
    return replace(decision, as_of=before.as_of, schema_version=before.schema_version) == before


def _compared_with_others(facts: Facts, policy: Policy) -> bool:
    """Whether the name in `facts` was compared with other owned names than those of `policy`."""
    return (facts.signal(OWNED_SIGNAL) or "") != policy.owned.digest


def with_sibling(facts: Facts, sibling: str) -> Facts:
    """The facts with that approved sibling; the very same, and their digest, where it is no other."""
    if facts.approved_sibling == sibling:
        return facts
    return replace(facts, schema_version=FACTS_SCHEMA_VERSION, approved_sibling=sibling)


def _no_facts(ref: ArtifactRef, as_of: datetime) -> Facts:
    return Facts(
        ref=ref,
        as_of=as_of,
        missing=("attested", "project_first_upload", "size_bytes", "upload_time"),
    )


def _log(decision: Decision, *, duration_ms: int) -> None:
    score = decision.score
    LOG.info(
        "decision_made",
        decision_id=decision.id,
        project=decision.ref.project,
        version=decision.ref.version,
        filename=decision.ref.filename,
        sha256=decision.ref.sha256,
        action=decision.action.value,
        hold=decision.hold.value if decision.hold else None,
        tier=decision.tier.value if decision.tier else None,
        trust_score=score.value if score else None,
        reasons=[stated.code.value for stated in decision.reasons],
        policy_digest=decision.policy_digest,
        model_digest=score.model_digest if score else None,
        evidence_id=decision.evidence_digest,
        override_id=decision.override_id or None,
        duration_ms=duration_ms,
    )
