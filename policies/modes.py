"""How a decision is applied: enforced, warned of, or only recorded, for each group of clients.

A decision says what policy makes of a file; it is the same for everybody, and is what is stored, told
and replayed. The mode says whether it acts. So a roll-out begins with `observe`, and what would have
been refused stands on the pages before anybody is refused anything (docs/decisions/0023).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from models.decision import Action, Decision, HoldKind, ReasonCode


class Mode(StrEnum):
    """From the most lenient to the strictest."""

    OBSERVE = "observe"
    """Refusals and reviews are recorded, and the file is served."""
    WARN = "warn"
    """The same, and the page marks the file (PEP 592), so that a pin prints the reason."""
    ENFORCE = "enforce"

    @property
    def strictness(self) -> int:
        """0 for observe, 2 for enforce."""
        return list(Mode).index(self)


FIRM = frozenset(
    {
        ReasonCode.PROOF_CANARY_LEFT,
        ReasonCode.PROOF_KNOWN_MALICIOUS,
        ReasonCode.PROOF_HASH_MISMATCH,
        ReasonCode.OVERRIDE_DENY,
        ReasonCode.NAME_OWNED,
        ReasonCode.RELEASE_SIBLING_BLOCKED,
    }
)
"""What acts in every mode: proofs and what they taint, what a person denied by name, and a name of the
organisation's own from elsewhere. Nobody's build needs those."""


def strictest(modes: Iterable[Mode], default: Mode) -> Mode:
    """The mode of somebody in several groups; `default` where none of them has one."""
    return max(modes, key=lambda mode: mode.strictness, default=default)


def lets_through(decision: Decision, mode: Mode, *, unseen: bool) -> bool:
    """Whether bytes may leave: by the decision itself, or since the mode does not let it act.

    `unseen`: whether a file that nobody has judged yet is let through as well where nothing is
    enforced; else it waits for its analysis, which is what gives a record of it.
    """
    if decision.action is Action.SERVE:
        return True
    if not may_let_through(decision, mode):
        return False
    return unseen or decision.hold is not HoldKind.ANALYSIS


def may_let_through(decision: Decision, mode: Mode) -> bool:
    """Whether bytes may leave at the latest when waiting ends: no mode but `enforce` refuses the unseen."""
    if decision.action is Action.SERVE:
        return True
    return mode is not Mode.ENFORCE and not any(one.code in FIRM for one in decision.reasons)
