"""The judgement: from a case and a policy to a decision. Pure; the order is DESIGN.md's.

proof → explicit deny → explicit allow → owned names → rules → tier. An allow that says so by name, where policy
lets it, goes above a proof. Whatever no step answers is held.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from models.artifact import ArtifactKind
from models.canonical import digest_of
from models.decision import (
    Action,
    Decision,
    HoldKind,
    OverrideAction,
    ReasonCode,
    TrustTier,
    reason,
)
from models.errors import ValueInvalid
from models.evidence import Shortfall
from models.work import ANALYSIS_RETRIES_MAX, ANALYSIS_RETRY_S
from policies.case import Case
from policies.causes import proof_reasons
from policies.outcome import Outcome
from policies.overrides import ends_at, next_begin, speaking
from policies.policy import Policy, Rule
from policies.rules.condition import Match
from policies.tier import by_tier
from policies.verdict import Verdict, facts_retry, of_outcome


def evaluate(case: Case, policy: Policy) -> Decision:
    """The decision about `case`. Every path ends in one.

    Raises ValueInvalid where evidence or facts are about another file: that is our own mistake, and
    no decision may rest on it.
    """
    _check(case)
    verdict = _judge(case, policy)
    begin = next_begin(case.overrides, case.ref, case.as_of)
    return Decision(
        ref=case.ref,
        action=verdict.action,
        hold=verdict.hold,
        tier=verdict.tier,
        score=case.score,
        reasons=verdict.reasons,
        as_of=case.as_of,
        expires_at=_earliest(verdict.expires_at, begin),
        evidence_digest=None if case.evidence is None else digest_of(case.evidence),
        facts_digest=None if case.facts is None else digest_of(case.facts),
        policy_digest=policy.digest,
        override_id=verdict.override_id,
        layers_off=case.layers_off,
    )


def _check(case: Case) -> None:
    evidence, ref = case.evidence, case.ref
    if evidence is not None and (evidence.sha256, evidence.filename) != (ref.sha256, ref.filename):
        raise ValueInvalid("The evidence is about another file than the one to be judged.")
    if case.facts is not None and case.facts.ref != ref:
        raise ValueInvalid("The facts are about another file than the one to be judged.")


def _judge(case: Case, policy: Policy) -> Verdict:
    deny = speaking(case.overrides, OverrideAction.DENY, case.ref, policy, case.as_of)
    allow = speaking(case.overrides, OverrideAction.ALLOW, case.ref, policy, case.as_of)
    proofs = proof_reasons(case)
    if proofs:
        above = allow is not None and allow.above_proof and policy.override_above_proof
        if allow is None or not above or deny is not None:
            return Verdict(action=Action.DENY, tier=TrustTier.BLOCK, reasons=proofs)
        stated = reason(ReasonCode.OVERRIDE_ALLOW_ABOVE_PROOF, override=allow.id)
        return Verdict(
            action=Action.SERVE,
            tier=TrustTier.BLOCK,
            reasons=(stated, *proofs),
            expires_at=ends_at(allow, policy),
            override_id=allow.id,
        )
    if deny is not None:
        return Verdict(
            action=Action.DENY,
            tier=TrustTier.BLOCK,
            reasons=(reason(ReasonCode.OVERRIDE_DENY, override=deny.id),),
            expires_at=ends_at(deny, policy),
            override_id=deny.id,
        )
    otherwise = _by_owner(case, policy) or _by_rules(case, policy) or _by_nature(case, policy)
    if policy.freeze is not None:
        otherwise = policy.freeze.applied(case, otherwise)
    if allow is None:
        return otherwise
    stated = reason(ReasonCode.OVERRIDE_ALLOW, override=allow.id)
    return Verdict(
        action=Action.SERVE,
        tier=otherwise.tier,
        reasons=(stated, *otherwise.reasons),
        expires_at=ends_at(allow, policy),
        override_id=allow.id,
    )


def _by_owner(case: Case, policy: Policy) -> Verdict | None:
    """The refusal of a name that belongs to the organisation, from an index that does not.

    It asks for no evidence, so nothing is fetched, and stands above rules: none may serve it.
    """
    if not policy.owned.refuses(case.ref):
        return None
    denied = policy.owned.outcome is Outcome.DENY
    tier = TrustTier.BLOCK if denied else TrustTier.QUARANTINE
    return of_outcome(policy.owned.outcome, tier, (reason(ReasonCode.NAME_OWNED),))


def _by_rules(case: Case, policy: Policy) -> Verdict | None:
    """The first rule that applies; None where none does.

    Without evidence a rule may refuse but not serve, since no proof is ruled out; what it would
    need to know is waited for. With evidence, a rule that would refuse on a fact that is not there
    holds, and one that would serve does not.
    """
    for rule in policy.rules:
        match = rule.matches(case)
        if match is Match.NO:
            continue
        serves = rule.outcome is Outcome.SERVE
        if case.evidence is None and (serves or match is Match.UNKNOWN):
            return None
        if match is Match.YES or not serves:
            return _of_rule(rule, match, case, policy)
    return None


def _of_rule(rule: Rule, match: Match, case: Case, policy: Policy) -> Verdict:
    stated = reason(ReasonCode.RULE, rule=rule.name)
    ends = min(
        (end for condition in rule.conditions if (end := condition.ends_at(case)) is not None),
        default=None,
    )
    if match is Match.UNKNOWN:
        return Verdict(
            action=Action.HOLD,
            hold=HoldKind.REVIEW,
            tier=TrustTier.QUARANTINE,
            reasons=(stated,),
            expires_at=facts_retry(case),
        )
    match rule.outcome:
        case Outcome.SERVE:
            natural = _by_nature(case, policy)
            return replace(
                natural,
                action=Action.SERVE,
                hold=None,
                reasons=(stated, *natural.reasons),
                expires_at=ends,
            )
        case Outcome.HOLD:
            return Verdict(
                action=Action.HOLD,
                hold=HoldKind.REVIEW,
                tier=TrustTier.QUARANTINE,
                reasons=(stated,),
                expires_at=ends,
            )
        case Outcome.DENY:
            return Verdict(
                action=Action.DENY, tier=TrustTier.BLOCK, reasons=(stated,), expires_at=ends
            )
        case _:
            assert_never(rule.outcome)


def _by_nature(case: Case, policy: Policy) -> Verdict:
    """What the artifact itself comes to, beside overrides and rules."""
    if case.evidence is not None:
        return by_tier(case, case.evidence, policy)
    if case.ref.kind is ArtifactKind.OTHER:
        return of_outcome(
            policy.unsupported, TrustTier.QUARANTINE, (reason(ReasonCode.UNSUPPORTED_FILE),)
        )
    if case.analysis_failed:
        return _analysis_failed(case, policy)
    return _waiting(case)


def _waiting(case: Case) -> Verdict:
    """The hold of what nobody has judged yet; past failures are counted on in its reason."""
    again = case.analysis_failures > 0
    stated = (
        reason(ReasonCode.STILL_CHECKING, tries=str(case.analysis_failures))
        if again
        else reason(ReasonCode.UNSEEN)
    )
    return Verdict(action=Action.HOLD, hold=HoldKind.ANALYSIS, tier=None, reasons=(stated,))


def _analysis_failed(case: Case, policy: Policy) -> Verdict:
    tier = policy.cap_incomplete(Shortfall.ANALYSIS_FAILED)
    stated = reason(
        ReasonCode.INCOMPLETE,
        shortfall=Shortfall.ANALYSIS_FAILED.value,
        tries=str(case.analysis_failures),
    )
    again = case.analysis_failures <= ANALYSIS_RETRIES_MAX
    verdict = of_outcome(policy.outcome(tier), tier, (stated,))
    expires_at = case.as_of + timedelta(seconds=ANALYSIS_RETRY_S) if again else None
    return replace(verdict, expires_at=expires_at)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    moments = [moment for moment in (one, other) if moment is not None]
    return min(moments, default=None)
