"""The last step of the judgement: the score's band, whatever caps it, and the age of the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from models.decision import (
    Action,
    HoldKind,
    LayerStatus,
    Reason,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Evidence, Layer, Shortfall
from models.trust.behind import score_reason
from models.trust.findings import own_findings
from models.trust.numbers import RULES
from models.trust.rules import worst_severity
from policies.case import Case
from policies.causes import finding_reason, finding_reasons, has_severe, shortfall_reason
from policies.outcome import Outcome
from policies.policy import Policy
from policies.verdict import Verdict, facts_retry, of_outcome

DIRECT_URL_FINDINGS = frozenset({"direct-url-dependency", "direct-url-build-requirement"})
"""Ids of the findings that an artifact needs a file by direct URL, past every index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A tier that the artifact cannot exceed, and why."""

    tier: TrustTier
    reasons: tuple[Reason, ...]
    order: int = 1
    """Among equal tiers the lower goes first: what an artifact did, before what we did not see."""


def by_tier(case: Case, evidence: Evidence, policy: Policy) -> Verdict:
    """What the lowest of all caps leads to; the reasons begin with what binds."""
    binding = [cap for cap in _caps(case, evidence, policy) if cap.tier is not TrustTier.APPROVE]
    caps = sorted((_band(case, policy), *binding), key=lambda c: (c.tier.rank, c.order))
    tier = caps[0].tier
    reasons = tuple(dict.fromkeys(stated for cap in caps for stated in cap.reasons))
    outcome = policy.outcome(tier)
    if outcome is Outcome.SERVE and policy.minimum_age_hours:
        young = _too_young(case, policy, tier, reasons)
        if young is not None:
            return young
    return of_outcome(outcome, tier, reasons)


def _caps(case: Case, evidence: Evidence, policy: Policy) -> list[Cap]:
    """What lowers the tier beside the score."""
    by_sibling = _by_sibling(case, evidence, policy)
    caps = [
        Cap(tier=policy.cap_incomplete(shortfall), reasons=(shortfall_reason(shortfall),))
        for shortfall in evidence.shortfalls
        if not (by_sibling and shortfall is Shortfall.WRONG_PLATFORM)
    ]
    if by_sibling:
        stated = reason(ReasonCode.PLATFORM_SIBLING)
        caps.append(Cap(tier=TrustTier.MONITOR, reasons=(stated,)))
    layers = case.score.layers if case.score else ()
    missing = [item.layer for item in layers if item.status is LayerStatus.MISSING]
    caps += [
        Cap(
            tier=policy.cap_missing(layer),
            reasons=(reason(ReasonCode.LAYER_MISSING, layer=layer.value),),
        )
        for layer in missing
        if layer not in case.layers_off and not (by_sibling and layer is Layer.BEHAVIOUR)
    ]
    caps += [
        Cap(
            tier=policy.layer_switched_off,
            reasons=(reason(ReasonCode.LAYER_OFF, layer=layer.value),),
        )
        for layer in Layer
        if layer in case.layers_off
    ]
    direct = finding_reason(case, DIRECT_URL_FINDINGS)
    if direct is not None:
        caps.append(Cap(tier=policy.direct_url, reasons=(direct,), order=0))
    return caps


def _by_sibling(case: Case, evidence: Evidence, policy: Policy) -> bool:
    """Whether it rests on a sibling: nobody here can run it, and policy takes its native parts unseen."""
    told = case.facts.sibling_digest if case.facts else ""
    return (
        policy.native_of_sibling
        and Shortfall.WRONG_PLATFORM in evidence.shortfalls
        and evidence.code_digest is not None
        and evidence.code_digest == told
    )


def _band(case: Case, policy: Policy) -> Cap:
    """The score's own tier: never BLOCK by the score alone, unless policy says so."""
    findings = finding_reasons(case)
    if case.score is None:
        stated = reason(ReasonCode.SCORE)
        return Cap(tier=TrustTier.QUARANTINE, reasons=(*findings, stated), order=2)
    tier = case.score.tier
    if tier is TrustTier.BLOCK and not policy.block_on_score:
        tier = TrustTier.QUARANTINE
    stated = score_reason(case.score, case.evidence)
    if has_severe(case):
        return Cap(tier=tier, reasons=(*findings, stated), order=0)
    if stated.word("cause") and not _explained(case, case.score):
        # No finding holds it where it is: what moved the score says more than a mild finding.
        return Cap(tier=tier, reasons=(stated, *findings), order=2)
    return Cap(tier=tier, reasons=(*findings, stated), order=2)


def _explained(case: Case, score: TrustScore) -> bool:
    """Whether the worst finding alone keeps a score in its tier."""
    worst = worst_severity(own_findings(case.evidence, case.facts))
    return worst is not None and TrustTier.of(RULES.cap(worst)) is score.tier


def _too_young(
    case: Case, policy: Policy, tier: TrustTier, reasons: tuple[Reason, ...]
) -> Verdict | None:
    """The hold of a file that is younger than policy asks for; None where it is old enough."""
    uploaded = case.facts.upload_time if case.facts else None
    if uploaded is None:
        return Verdict(
            action=Action.HOLD,
            hold=HoldKind.AGE,
            tier=tier,
            reasons=(reason(ReasonCode.AGE_UNKNOWN), *reasons),
            expires_at=facts_retry(case),
        )
    reached = uploaded + timedelta(hours=policy.minimum_age_hours)
    if case.as_of >= reached:
        return None
    stated = reason(
        ReasonCode.AGE,
        hours=str(policy.minimum_age_hours),
        until=reached.strftime("%Y-%m-%d %H:%M UTC"),
    )
    return Verdict(
        action=Action.HOLD,
        hold=HoldKind.AGE,
        tier=tier,
        reasons=(stated, *reasons),
        expires_at=reached,
    )
