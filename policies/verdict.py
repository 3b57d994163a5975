"""What one step of the judgement answers, before it becomes a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from models.decision import Action, HoldKind, Reason, TrustTier
from models.trust.layers import PAGE
from models.work import FACTS_RETRY_S
from policies.case import Case
from policies.outcome import Outcome

_DATES = frozenset({PAGE, "upload_time", "project_first_upload"})
"""Facts that ages are counted from, and the page that they stand on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a step of the judgement answers."""

    action: Action
    hold: HoldKind | None = None
    tier: TrustTier | None
    reasons: tuple[Reason, ...]
    expires_at: datetime | None = None
    override_id: str = ""


def of_outcome(outcome: Outcome, tier: TrustTier, reasons: tuple[Reason, ...]) -> Verdict:
    """What `outcome` does; a hold of this sort waits for a person."""
    match outcome:
        case Outcome.SERVE:
            return Verdict(action=Action.SERVE, tier=tier, reasons=reasons)
        case Outcome.HOLD:
            return Verdict(action=Action.HOLD, hold=HoldKind.REVIEW, tier=tier, reasons=reasons)
        case Outcome.DENY:
            return Verdict(action=Action.DENY, tier=tier, reasons=reasons)
        case _:
            assert_never(outcome)


def facts_retry(case: Case) -> datetime | None:
    """When to ask again for facts that we could not get; None where the index has none."""
    if case.facts is not None and not _DATES & set(case.facts.missing):
        return None
    return case.as_of + timedelta(seconds=FACTS_RETRY_S)
