"""Tells of QUT-DV25's table as a whole: patterns, near copies, single columns and gaps.

Each check is a function from a table to a Leak, or to None where the table lacks its columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from models.research.leak_figures import asked_of_others, auroc, by_stump, by_tokens
from models.research.leak_laboratory import CALLS
from models.research.leak_rows import AuditTable, count_columns, matrix
from models.research.leaks import Cause, Leak, Verdict, counts, cut, grade, labelled, ranked, sign
from models.research.qut import FEATURES
from models.research.qut_values import Kind

PATTERNS = tuple(feature.name for feature in FEATURES if feature.kind is Kind.PATTERN)
TEST_SHARE = 0.3
"""Rows that a random split holds out, for the chance that a sibling is left in training."""


def patterns_move(table: AuditTable) -> Leak | None:
    """Rows with a trigram that stands in another of the ten columns elsewhere."""
    if not table.columns.issuperset(PATTERNS):
        return None
    places: dict[object, set[str]] = {}
    for row in table.rows:
        for column in PATTERNS:
            if row.values[column]:
                places.setdefault(row.values[column], set()).add(column)
    moving = {trigram for trigram, columns in places.items() if len(columns) > 1}
    shown = [any(row.values[column] in moving for column in PATTERNS) for row in table.rows]
    return sign(
        table,
        shown,
        id_="pattern.no_fixed_meaning",
        looked_for="a trigram that stands in another of Pattern_1…10 in another row",
        says=f"{len(moving)} of {len(places)} trigrams stand in more than one column: the columns are ranks "
        "by frequency, not the ten meanings that the dataset's description gives them.",
        category="Pattern",
        examples=[
            str(one) for one in sorted(moving, key=lambda one: (-len(places[one]), str(one)))
        ],
    )


def patterns_fitted(table: AuditTable) -> Leak | None:
    """Rows with a trigram that no other family has: only a vectoriser that saw them knows it."""
    if not table.columns.issuperset(PATTERNS):
        return None
    holders: dict[object, set[str]] = {}
    for row in table.rows:
        for column in PATTERNS:
            if row.values[column]:
                holders.setdefault(row.values[column], set()).add(row.family)
    own = {trigram for trigram, families in holders.items() if len(families) == 1}
    shown = [any(row.values[column] in own for column in PATTERNS) for row in table.rows]
    return sign(
        table,
        shown,
        id_="pattern.fitted_before_the_split",
        looked_for="a trigram that rows of no other family have",
        says=f"{len(own)} of {len(holders)} trigrams. The published vectoriser was fitted over the whole "
        "table before it was split, so that it has columns for what only test rows hold. How much "
        "accuracy that is worth, rows alone cannot say.",
        category="Pattern",
        examples=sorted(map(str, own)),
    )


def patterns_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far the trigrams go, learned on other families."""
    if not table.columns.issuperset(PATTERNS):
        return None
    tokens = [
        frozenset(str(row.values[column]) for column in PATTERNS if row.values[column])
        for row in table.rows
    ]
    known = labelled(table)
    return grade(
        table,
        asked_of_others(by_tokens(tokens, known), known, seed=seed),
        shown=[bool(found) for found in tokens],
        id_="pattern.alone",
        looked_for="which trigrams a row has, learned on other families",
        says="They are pip's and the interpreter's own habits for the most part.",
        category="Pattern",
    )


def copies(table: AuditTable) -> Leak | None:
    """Rows whose six counts of calls equal those of another row."""
    if not table.columns.issuperset(CALLS):
        return None
    numbers = [tuple(row.values[column] for column in CALLS) for row in table.rows]
    held = Counter(numbers)
    shown = [held[one] > 1 for one in numbers]
    groups: dict[object, list[str]] = {}
    for row, one in zip(table.rows, numbers, strict=True):
        if held[one] > 1:
            groups.setdefault(one, []).append(row.package)
    malicious, benign = counts(shown, table)
    return Leak(
        id="copies.same_calls",
        looked_for="all six counts of system calls equal those of another row",
        cause=Cause.SELECTION,
        category="SysCall",
        malicious=malicious,
        benign=benign,
        alone=None,
        examples=cut([", ".join(names) for names in groups.values()]),
        verdict=Verdict.PRESENT if any(shown) else Verdict.ABSENT,
        says="A random split puts one of the two on each side."
        if any(shown)
        else "No row shows it.",
    )


def siblings(table: AuditTable) -> Leak:
    """How likely a random split leaves a sibling of a test row in training."""
    sizes = Counter(table.families)
    shown = [sizes[family] > 1 for family in table.families]
    chance = {
        side: _mean(
            [
                1 - TEST_SHARE ** (sizes[family] - 1)
                for family, label in zip(table.families, table.labels, strict=True)
                if label == side
            ]
        )
        for side in (True, False)
    }
    malicious, benign = counts(shown, table)
    largest = [f"{family}: {size} rows" for family, size in ranked(sizes) if size > 1]
    return Leak(
        id="copies.siblings",
        looked_for="rows of one family: names that differ in digits, marks and versions alone",
        cause=Cause.SELECTION,
        malicious=malicious,
        benign=benign,
        alone=None,
        examples=cut(largest),
        verdict=Verdict.PRESENT if any(shown) else Verdict.ABSENT,
        says=f"A split that holds out {TEST_SHARE:.0%} of the rows at random leaves a sibling in training of "
        f"{chance[True]:.0%} of malicious test rows and {chance[False]:.0%} of benign ones. Campaigns that "
        "change their names wholly are not counted.",
    )


def best_column(table: AuditTable, *, seed: int) -> Leak | None:
    """How far one column of counts goes with one bar."""
    columns = count_columns(table)
    if not columns:
        return None
    known, numbers = labelled(table), matrix(table, columns)
    labels = np.array(known.labels)
    reached = sorted(
        ((auroc(numbers[:, at], labels), name) for at, name in enumerate(columns)),
        key=lambda one: (-abs(one[0] - 0.5), one[1]),
    )
    return grade(
        table,
        asked_of_others(by_stump(numbers, known), known, seed=seed),
        id_="columns.one_bar",
        looked_for="one column of counts and one bar, the best of all on other families",
        says="A single number does this much of a model's work. Whether packages or the laboratory "
        "move it, the rows do not say.",
        category="Combined",
        examples=[f"{name} (AUROC {figure:.2f})" for figure, name in reached],
    )


def gaps_alone(table: AuditTable, *, seed: int) -> Leak | None:
    """How far it goes to know which columns are empty."""
    if not any(row.filled for row in table.rows):
        return None
    tokens = [
        frozenset(
            f"{column}:{'filled' if there else 'empty'}" for column, there in row.filled.items()
        )
        for row in table.rows
    ]
    known = labelled(table)
    return grade(
        table,
        asked_of_others(by_tokens(tokens, known), known, seed=seed),
        id_="gaps.alone",
        looked_for="only which columns of text are empty",
        says="A package without dependencies is honestly empty there; a run that failed is empty as well.",
        category="Combined",
        examples=[
            f"{column} empty: {_share(table, column, side=True)} malicious, "
            f"{_share(table, column, side=False)} benign"
            for column in sorted(table.rows[0].filled)
            if not all(row.filled.get(column, False) for row in table.rows)
        ],
    )


def _share(table: AuditTable, column: str, *, side: bool) -> str:
    rows = [row for row in table.rows if row.malicious == side]
    return f"{sum(not row.filled.get(column, False) for row in rows)} of {len(rows)}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
