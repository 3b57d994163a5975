"""What a decision says on each line about it: made once for a decision that is in memory.

Its short id alone is a digest, at some 0.2 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.decision import Action, Decision, HoldKind
from proxy.athand import AtHand

IDS_MAX = 8_192
"""Decisions whose id is remembered."""
REASONS_LOGGED_MAX = 5
"""Reason codes on one log line; the first is the cause, the rest stand on the page."""


@dataclass(frozen=True, slots=True)
class _Known:
    decision: Decision
    """Kept alive, so that no other object can take over its identity."""
    id: str
    facts: Mapping[str, Any]


class DecisionIds:
    """By the identity of the object: the gate hands out the same one."""

    def __init__(self) -> None:
        self._known: AtHand[int, _Known] = AtHand(IDS_MAX)

    def of(self, decision: Decision) -> str:
        """`decision.id`."""
        return self._look(decision).id

    def facts_of(self, decision: Decision) -> Mapping[str, Any]:
        """What the log line of a request says of it, its id apart where it is not stored."""
        if decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS:
            return _facts(decision)  # made for one request; nobody keeps it
        return self._look(decision).facts

    def _look(self, decision: Decision) -> _Known:
        known = self._known.get(id(decision))
        if known is None or known.decision is not decision:
            known = self._known[id(decision)] = _know(decision)
        return known


def _know(decision: Decision) -> _Known:
    short = decision.id
    return _Known(decision, short, {"decision_id": short, **_facts(decision)})


def _facts(decision: Decision) -> dict[str, Any]:
    return {
        "action": decision.action.value,
        "tier": decision.tier.value if decision.tier else None,
        "trust_score": decision.score.value if decision.score else None,
        "reasons": [reason.code.value for reason in decision.reasons[:REASONS_LOGGED_MAX]],
        "policy_digest": decision.policy_digest,
    }
