"""What a tier, a rule or an owned name leads to, in the words of a policy document."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Serve it, hold it for a person, or deny it."""

    SERVE = "serve"
    HOLD = "hold"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """0 serves, 2 denies."""
        return {"serve": 0, "hold": 1, "deny": 2}[self.value]
