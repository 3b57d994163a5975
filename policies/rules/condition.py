"""What a condition is: a question about a case with three answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from policies.case import Case


class Match(StrEnum):
    """`UNKNOWN`: the fact that would answer it is not there."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, *, matches: bool) -> Match:
        """Of a plain truth."""
        return cls.YES if matches else cls.NO


class Condition(Protocol):
    """One condition of a rule. Frozen, pure, and made of plain values, for the policy's digest."""

    def matches(self, case: Case) -> Match:
        """Whether it holds for `case`."""

    def ends_at(self, case: Case) -> datetime | None:
        """When a match ends by itself; None: never."""
