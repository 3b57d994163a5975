"""What a name is taken for, as a value, and which of several is the gravest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from analyzer.confusion.classes import Confusion

LOOKALIKES_MAX = 5
"""Look-alikes told of one name, the gravest first."""


class TargetKind(StrEnum):
    """Where a target is known from."""

    OWNED = "owned"
    """It belongs to the operator's organisation: nothing is more popular."""
    POPULAR = "popular"
    STANDARD_LIBRARY = "standard-library"
    OTHER_ECOSYSTEM = "other-ecosystem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """One name that another is taken for."""

    target: str
    """Normalised; a namespace for `Confusion.NAMESPACE`."""
    kind: TargetKind
    rank: int
    """1 is the most popular; 0: owned."""
    how: Confusion
    family: bool = False
    """Newcomers under the target's first word are usual."""

    @property
    def near(self) -> bool:
        """Whether a slip leads there."""
        return self.how.near and self.kind is not TargetKind.STANDARD_LIBRARY

    @property
    def is_project(self) -> bool:
        """Whether `target` is the name of one listed project, and no namespace."""
        return self.kind is TargetKind.POPULAR and self.how is not Confusion.NAMESPACE


def gravest_of(found: Iterable[Lookalike]) -> tuple[Lookalike, ...]:
    """One for each target, the gravest first, bounded."""
    kept: dict[str, Lookalike] = {}
    for one in sorted(found, key=_gravest):
        kept.setdefault(one.target, one)
    return tuple(kept.values())[:LOOKALIKES_MAX]


def _gravest(found: Lookalike) -> tuple[bool, bool, int, str]:
    return (found.kind is not TargetKind.OWNED, not found.near, found.rank, found.target)
