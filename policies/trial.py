"""A table of cases that a policy must answer as its author expects: `pratique policy test`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.decision import Decision, TrustTier
from policies.case import Case
from policies.evaluate import evaluate
from policies.modes import lets_through
from policies.outcome import Outcome
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case, and what is expected of the policy."""

    name: str
    case: Case
    groups: tuple[str, ...]
    expected: Outcome
    tier: TrustTier | None
    """None: whatever tier."""
    rule: str
    """The rule of the operator's that decides; empty: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it."""

    trial: Trial
    decision: Decision
    found: Outcome

    @property
    def rule(self) -> str:
        """The operator's rule that decided; empty where none did."""
        return next((one.word("rule") for one in self.decision.reasons if one.word("rule")), "")

    @property
    def passed(self) -> bool:
        """Whether it is as expected."""
        return (
            self.found is self.trial.expected
            and self.trial.tier in (None, self.decision.tier)
            and self.trial.rule in ("", self.rule)
        )


def try_all(trials: Iterable[Trial], policy: Policy) -> tuple[Tried, ...]:
    """Every case under `policy`, with its mode for the case's groups."""
    return tuple(_tried(trial, policy) for trial in trials)


def _tried(trial: Trial, policy: Policy) -> Tried:
    decision = evaluate(trial.case, policy)
    through = lets_through(decision, policy.mode_of(trial.groups), unseen=policy.observe_unseen)
    found = Outcome.SERVE if through else Outcome.HOLD if decision.hold else Outcome.DENY
    return Tried(trial=trial, decision=decision, found=found)
