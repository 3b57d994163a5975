"""Cases out of the store: what a decision rested on, and what its file would be judged by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from models.artifact import ArtifactRef
from models.decision import Decision, Override, TrustScore
from models.evidence import Evidence, Layer
from models.facts import Facts
from models.trust.scorer import Scorer
from policies.case import Case
from policies.overrides import in_scope
from proxy.judge.hearing import analysis_failed, failures_in, given_up_count
from proxy.store.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCase:
    """Everything that a judgement asks for, but the scorer and the policy."""

    ref: ArtifactRef
    as_of: datetime
    facts: Facts | None
    evidence: Evidence | None
    overrides: tuple[Override, ...]
    layers_off: tuple[Layer, ...]
    analysis_failed: bool
    analysis_failures: int

    def score(self, scorer: Scorer) -> TrustScore | None:
        """The score by `scorer`; None where there is no evidence."""
        if self.evidence is None:
            return None
        return scorer.score(self.evidence, self.facts, layers_off=self.layers_off)

    def case(self, score: TrustScore | None) -> Case:
        """The case, with that score."""
        return Case(
            ref=self.ref,
            as_of=self.as_of,
            facts=self.facts,
            evidence=self.evidence,
            score=score,
            overrides=self.overrides,
            layers_off=self.layers_off,
            analysis_failed=self.analysis_failed,
            analysis_failures=self.analysis_failures,
        )


async def as_decided(store: Store, decision: Decision, *, at: datetime | None = None) -> StoredCase:
    """The case as it was when `decision` was made. Facts or evidence that are gone are None.

    With `at`, the same case at another moment, with the overrides of then. Raises StoreError.
    """
    as_of = decision.as_of if at is None else at
    facts = evidence = None
    if decision.facts_digest is not None:
        facts = await store.facts(decision.facts_digest)
    if decision.evidence_digest is not None:
        evidence = await store.evidence(decision.evidence_digest)
    overrides = await store.overrides(project=decision.ref.project)
    return StoredCase(
        ref=decision.ref,
        as_of=as_of,
        facts=facts,
        evidence=evidence,
        overrides=tuple(
            override
            for stored in overrides
            if (override := override_at(stored, as_of)) is not None
            and in_scope(override, decision.ref)
        ),
        layers_off=decision.layers_off,
        analysis_failed=analysis_failed(decision),
        analysis_failures=failures_in(decision),
    )


async def as_it_stands(store: Store, decision: Decision, *, as_of: datetime) -> StoredCase:
    """The case as upkeep would gather it to derive `decision` again, without asking the network.

    Raises StoreError.
    """
    ref = decision.ref
    evidence = await store.latest_evidence(ref.sha256, ref.filename)
    failed, failures = False, 0
    if evidence is None:
        failed, failures = given_up_count(decision, await store.job_of(ref))
    facts = None
    if decision.facts_digest is not None:
        facts = await store.facts(decision.facts_digest)
    overrides = await store.overrides(project=ref.project, active_at=as_of)
    return StoredCase(
        ref=ref,
        as_of=as_of,
        facts=facts,
        evidence=evidence,
        overrides=tuple(override for override in overrides if in_scope(override, ref)),
        layers_off=decision.layers_off,
        analysis_failed=failed,
        analysis_failures=failures,
    )


def override_at(override: Override, moment: datetime) -> Override | None:
    """The override as it stood at `moment`; None where it was not made yet, or ended already.

    A revocation that came later is taken back: nobody knew of it then.
    """
    if override.created_at > moment or override.expires_at <= moment:
        return None
    if override.revoked_at is None:
        return override
    if override.revoked_at <= moment:
        return None
    return replace(override, revoked_at=None, revoked_by="")
