"""Tells of the list of packages that QUT-DV25 was measured on: how its rows were chosen, names, versions."""

from __future__ import annotations

from collections import Counter

from models.research.leak_figures import asked_of_others, by_tokens
from models.research.leak_rows import AuditTable
from models.research.leaks import Cause, Leak, Verdict, counts, cut, grade, labelled, ranked, sign

MAJOR_HIGH = 90
"""First number of a version from which no project gets there by releases."""
YEARS = (1990, 20_401_231)
"""Versions that are dates are none of those: `2024.5.3`, `20240503`."""
GRAM = 3
"""Letters looked at together in a name."""


def high_version(table: AuditTable) -> Leak | None:
    """Versions whose first number no project reaches by releases."""
    if table.layout != "packages":
        return None
    shown = [_is_high(row.version) for row in table.rows]
    return sign(
        table,
        shown,
        id_="list.high_version",
        looked_for=f"a version whose first number is {MAJOR_HIGH} or above, and no year",
        says="Dependency confusion wants to win every comparison. That is the attack's own sign, but of few.",
        cause=Cause.OPEN,
        category="Metadata",
        examples=[
            f"{row.package} {row.version}"
            for row, high in zip(table.rows, shown, strict=True)
            if high
        ],
    )


def repeated_name(table: AuditTable) -> Leak | None:
    """Names that the list has more than once."""
    if table.layout != "packages":
        return None
    held = Counter((row.package.lower(), row.malicious) for row in table.rows)
    shown = [held[(row.package.lower(), row.malicious)] > 1 for row in table.rows]
    names = Counter(row.package.lower() for row, one in zip(table.rows, shown, strict=True) if one)
    return sign(
        table,
        shown,
        id_="list.repeated_name",
        looked_for="a name that the same side of the list has more than once",
        says="Of malicious projects many releases were taken, of nearly every benign one a single one.",
        cause=Cause.SELECTION,
        category="Metadata",
        examples=[f"{name} ({count})" for name, count in ranked(names)],
    )


def version_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far the text of the version goes."""
    if table.layout != "packages":
        return None
    tokens = [frozenset([row.version, f"parts:{row.version.count('.')}"]) for row in table.rows]
    known = labelled(table)
    return grade(
        table,
        asked_of_others(by_tokens(tokens, known), known, seed=seed),
        id_="list.version_alone",
        looked_for="only the text of the version, learned on other families",
        says="What a campaign calls its only release, against what projects have reached.",
        category="Metadata",
        examples=[
            f"{text}: {counts[True]} malicious, {counts[False]} benign"
            for text, counts in _versions(table)
        ],
    )


def name_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far three letters together of the name go."""
    if table.layout != "packages":
        return None
    tokens = [_grams(row.package) for row in table.rows]
    known = labelled(table)
    return grade(
        table,
        asked_of_others(by_tokens(tokens, known), known, seed=seed),
        id_="list.name_alone",
        looked_for=f"only the name, {GRAM} letters at a time, learned on other families",
        says="Benign names were drawn for their likeness, and still a name tells: campaigns build theirs "
        "of few words.",
        category="Metadata",
    )


def both_sides(table: AuditTable) -> Leak | None:
    """Names that stand on both sides of the list."""
    if table.layout != "packages":
        return None
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for row in table.rows:
        names[row.malicious].add(row.package.lower())
    both = names[True] & names[False]
    shown = [row.package.lower() in both for row in table.rows]
    malicious, benign = counts(shown, table)
    return Leak(
        id="list.both_sides",
        looked_for="a name that is malicious and benign",
        cause=Cause.SELECTION,
        malicious=malicious,
        benign=benign,
        alone=None,
        examples=cut(sorted(both)),
        verdict=Verdict.PRESENT if both else Verdict.ABSENT,
        says="Other releases of one project, or the name taken over later."
        if both
        else "No row shows it.",
    )


def _grams(name: str) -> frozenset[str]:
    text = f"^{name.lower()}$"
    return frozenset(text[at : at + GRAM] for at in range(max(1, len(text) - GRAM + 1)))


def _is_high(version: str) -> bool:
    first = version.split(".", maxsplit=1)[0]
    if not (first.isascii() and first.isdigit() and len(first) < 10):
        return False
    return int(first) >= MAJOR_HIGH and not YEARS[0] <= int(first) <= YEARS[1]


def _versions(table: AuditTable) -> list[tuple[str, Counter[bool]]]:
    """Versions by how often malicious packages have them."""
    held: dict[str, Counter[bool]] = {}
    for row in table.rows:
        held.setdefault(row.version, Counter())[row.malicious] += 1
    return sorted(held.items(), key=lambda one: (-one[1][True], one[0]))
