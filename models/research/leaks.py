"""What the leak audit finds: one Leak per tell, and how it is worded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.research.leak_figures import Labelled, Share, of_sign
from models.research.leak_rows import AuditRow, AuditTable

EXAMPLES_MAX = 4
EXAMPLE_CHARS_MAX = 80


class Cause(StrEnum):
    """Where a tell can come from."""

    LABORATORY = "laboratory"
    """The measurement: no package can bring it about."""
    SELECTION = "selection"
    """How the rows were chosen."""
    OPEN = "open"
    """Laboratory or package: the rows cannot say which."""


class Verdict(StrEnum):
    """What follows from a tell in these rows."""

    LEAK = "leak"
    """It tells the labels apart by itself, and the packages' code does not bring it about."""
    SEPARATES = "separates"
    """It tells the labels apart by itself; rows cannot say whether packages or the laboratory do it."""
    PRESENT = "present"
    """Rows have it; at this size it does not tell the labels apart."""
    ABSENT = "absent"
    """No row has it."""
    UNDECIDED = "undecided"
    """Asked of every row, and no better than guessing as far as so few rows can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Rows of one label that show a tell, of so many."""

    shown: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One tell in one table."""

    id: str
    looked_for: str
    cause: Cause
    category: str = ""
    """The part of the published features that it lies in, as PUBLISHED names it; empty: in none."""
    malicious: Count
    benign: Count
    alone: Share | None
    """Balanced accuracy by this tell alone; None where it is no way to tell labels."""
    examples: tuple[str, ...] = ()
    verdict: Verdict
    says: str
    """What was seen, in words."""


def labelled(table: AuditTable) -> Labelled:
    """Labels and families of a table."""
    return Labelled(labels=table.labels, families=table.families)


def counts(shown: Sequence[bool], table: AuditTable) -> tuple[Count, Count]:
    """Rows that show it: (malicious, benign)."""
    pairs = list(zip(shown, table.labels, strict=True))
    return (
        Count(shown=sum(sign and label for sign, label in pairs), of=sum(table.labels)),
        Count(
            shown=sum(sign and not label for sign, label in pairs),
            of=len(table.rows) - sum(table.labels),
        ),
    )


def sign(
    table: AuditTable,
    shown: Sequence[bool],
    *,
    id_: str,
    looked_for: str,
    says: str,
    cause: Cause = Cause.LABORATORY,
    category: str = "",
    examples: Sequence[str] = (),
) -> Leak:
    """A tell that a row shows or not."""
    malicious, benign = counts(shown, table)
    alone = of_sign(shown, labelled(table))
    present = malicious.shown + benign.shown > 0
    return Leak(
        id=id_,
        looked_for=looked_for,
        cause=cause,
        category=category,
        malicious=malicious,
        benign=benign,
        alone=alone if present else None,
        examples=cut(examples),
        verdict=_verdict(alone, cause, otherwise=Verdict.PRESENT) if present else Verdict.ABSENT,
        says=says if present else "No row shows it.",
    )


def grade(
    table: AuditTable,
    alone: Share,
    *,
    id_: str,
    looked_for: str,
    says: str,
    shown: Sequence[bool] | None = None,
    cause: Cause = Cause.OPEN,
    category: str = "",
    examples: Sequence[str] = (),
) -> Leak:
    """A tell that every row shows more or less of. `shown`: rows that have anything to ask about."""
    malicious, benign = counts(shown or [True] * len(table.rows), table)
    return Leak(
        id=id_,
        looked_for=looked_for,
        cause=cause,
        category=category,
        malicious=malicious,
        benign=benign,
        alone=alone,
        examples=cut(examples),
        verdict=_verdict(alone, cause, otherwise=Verdict.UNDECIDED),
        says=says,
    )


def cut(examples: Sequence[str]) -> tuple[str, ...]:
    """The first few, shortened; they come from packages, and may hold anything."""
    return tuple(
        "".join(char if char.isprintable() else "?" for char in one[:EXAMPLE_CHARS_MAX])
        for one in list(examples)[:EXAMPLES_MAX]
    )


def _verdict(alone: Share, cause: Cause, *, otherwise: Verdict) -> Verdict:
    if not alone.tells:
        return otherwise
    return Verdict.SEPARATES if cause is Cause.OPEN else Verdict.LEAK


def showing(table: AuditTable, shown: Sequence[bool]) -> list[AuditRow]:
    """The rows that show it."""
    return [row for row, there in zip(table.rows, shown, strict=True) if there]


def named(table: AuditTable, shown: Sequence[bool]) -> list[str]:
    """The packages that show it."""
    return [row.package for row in showing(table, shown)]


def ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, then by text."""
    return sorted(counter.items(), key=lambda one: (-one[1], one[0]))
