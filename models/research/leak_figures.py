"""How far one tell alone gets, with an interval: the arithmetic of the leak audit. Pure.

Every figure is a balanced accuracy (the mean of the shares of malicious and of benign rows that are
told right), since the published ones are over as many benign as malicious rows. What is fitted is
fitted on other families than it is asked about; intervals are as wide as those of so many families.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z_99 = 2.5758293035489004
"""The normal quantile of a two-sided 99 % interval: a dozen tells are asked of each table."""
SIDE_MIN = 5
"""Families of a label from which an interval means anything: one campaign that shows a tell, against 40
benign families that do not, is one event."""
FOLDS = 5
"""Parts that whole families are dealt to; each is asked about once, after a look at the others."""
ROUNDS = 20
"""How often they are dealt anew; what is told is the mean."""
ROWS_ASKED_MAX = 40_000
"""Rows asked over all rounds: a table of 14,271 rows is dealt twice."""
ROUNDS_MIN = 2

Bits = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Fit = Callable[[Sequence[int], Sequence[int]], Sequence[float]]
"""(rows to look at, rows asked about) → how malicious each looks; 0: cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share, and the bounds that hold it with 99 %."""

    value: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Whether it beats guessing (a half) for sure. What is learned and does worse tells nothing."""
        return self.low > 0.5

    @property
    def words(self) -> str:
        """In percent: `69.2 (52.4-80.1)`."""
        return f"{100 * self.value:.1f} ({100 * self.low:.1f}-{100 * self.high:.1f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Labels and families, row by row."""

    labels: tuple[bool, ...]
    families: tuple[str, ...]

    def sizes(self) -> tuple[int, int]:
        """Families with malicious and with benign rows."""
        pairs = set(zip(self.families, self.labels, strict=True))
        malicious = sum(label for _, label in pairs)
        return malicious, len(pairs) - malicious


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 99 % score interval (Wilson 1927) of a share among `n`; nothing is known of none."""
    if n == 0:
        return 0.0, 1.0
    square = Z_99 * Z_99
    middle = share + square / (2 * n)
    margin = Z_99 * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low, high = (middle - margin) / (1 + square / n), (middle + margin) / (1 + square / n)
    return (0.0 if share <= 0 else low), (1.0 if share >= 1 else high)


def balanced(caught: float, passed: float, sizes: tuple[int, int]) -> Share:
    """Balanced accuracy of (share of malicious caught, share of benign passed) among so many families.

    Nothing is bounded where a label has fewer than SIDE_MIN. The bounds join two of Wilson's by
    Newcombe's square-and-add method (1998), so that 36 of 36 and 42 of 42 do not pass for certain.
    """
    value = (caught + passed) / 2
    if min(sizes) < SIDE_MIN:
        return Share(value=value, low=0.0, high=1.0)
    (low_1, high_1), (low_2, high_2) = wilson(caught, sizes[0]), wilson(passed, sizes[1])
    low = value - math.hypot(caught - low_1, passed - low_2) / 2
    high = value + math.hypot(high_1 - caught, high_2 - passed) / 2
    return Share(value=value, low=max(0.0, low), high=min(1.0, high))


def of_sign(shown: Sequence[bool], known: Labelled) -> Share:
    """How well a sign tells the labels apart, by whichever side shows it more often.

    The side is chosen after looking; the interval is two-sided, which pays for that.
    """
    malicious = [sign for sign, label in zip(shown, known.labels, strict=True) if label]
    benign = [sign for sign, label in zip(shown, known.labels, strict=True) if not label]
    caught, passed = sum(malicious) / len(malicious), 1 - sum(benign) / len(benign)
    if caught + passed < 1:
        caught, passed = 1 - caught, 1 - passed
    return balanced(caught, passed, known.sizes())


def asked_of_others(fit: Fit, known: Labelled, *, seed: int) -> Share:
    """Balanced accuracy of what `fit` says of families that it has not seen; not told counts half."""
    count = len(known.labels)
    rounds = max(ROUNDS_MIN, min(ROUNDS, ROWS_ASKED_MAX // count))
    right = {True: 0.0, False: 0.0}
    for turn in range(rounds):
        for seen, asked in _dealt(known, random.Random(f"{seed}:{turn}")):  # noqa: S311 - a draw
            for row, score in zip(asked, fit(seen, asked), strict=True):
                label = known.labels[row]
                right[label] += 0.5 if score == 0 else float((score > 0) == label)
    totals = Counter(known.labels)
    caught, passed = (right[side] / totals[side] / rounds for side in (True, False))
    return balanced(caught, passed, known.sizes())


def _dealt(known: Labelled, chance: random.Random) -> Iterable[tuple[list[int], list[int]]]:
    """(seen, asked) per part; families are dealt one by one, those with malicious rows first."""
    members: dict[str, list[int]] = {}
    for row, family in enumerate(known.families):
        members.setdefault(family, []).append(row)
    sides: tuple[list[str], list[str]] = ([], [])
    for family in sorted(members):
        sides[any(known.labels[row] for row in members[family])].append(family)
    parts: list[list[int]] = [[] for _ in range(FOLDS)]
    turn = 0
    for side in reversed(sides):
        chance.shuffle(side)
        for family in side:
            parts[turn % FOLDS].extend(members[family])
            turn += 1
    for part in parts:
        held = set(part)
        yield [row for row in range(len(known.labels)) if row not in held], part


def by_tokens(tokens: Sequence[frozenset[str]], known: Labelled) -> Fit:
    """Naive Bayes over what a row names. What both sides show alike weighs exactly nothing."""

    def fit(seen: Sequence[int], asked: Sequence[int]) -> Sequence[float]:
        counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        totals: Counter[bool] = Counter()
        for row in seen:
            counts[known.labels[row]].update(tokens[row])
            totals[known.labels[row]] += 1
        if not totals[True] or not totals[False]:
            return [0.0] * len(asked)
        shrink = 1 / len(seen)

        def weight(token: str) -> float:
            bad = counts[True][token] / totals[True]
            good = counts[False][token] / totals[False]
            return math.log((bad + shrink) / (good + shrink))

        return [math.fsum(weight(token) for token in sorted(tokens[row])) for row in asked]

    return fit


def by_stump(columns: Numbers, known: Labelled) -> Fit:
    """One column and one bar, the best of all on the rows seen. `columns`: rows × columns."""
    labels = np.array(known.labels)

    def fit(seen: Sequence[int], asked: Sequence[int]) -> Sequence[float]:
        best = (0.5, 0, 0.0, 1.0)
        for column in range(columns.shape[1]):
            found = _best_bar(columns[list(seen), column], labels[list(seen)])
            best = max(best, (found[0], column, *found[1:]), key=lambda one: one[0])
        _, column, bar, sign = best
        if best[0] == 0.5:
            return [0.0] * len(asked)
        return [sign if columns[row, column] > bar else -sign for row in asked]

    return fit


def _best_bar(values: Numbers, labels: Bits) -> tuple[float, float, float]:
    """(balanced accuracy, bar, 1 where what is above it is malicious and -1 where benign)."""
    totals = labels.sum(), (~labels).sum()
    if not all(totals):
        return 0.5, 0.0, 1.0
    order = np.argsort(values, kind="stable")
    ranked, told = values[order], labels[order]
    ends = np.flatnonzero(np.diff(ranked) > 0)
    if not len(ends):
        return 0.5, 0.0, 1.0
    above = 1 - np.cumsum(told)[ends] / totals[0]
    below = np.cumsum(~told)[ends] / totals[1]
    figures = (above + below) / 2
    at = int(np.argmax(np.abs(figures - 0.5)))
    bar = float((ranked[ends[at]] + ranked[ends[at] + 1]) / 2)
    reached = float(figures[at])
    return (reached, bar, 1.0) if reached > 0.5 else (1 - reached, bar, -1.0)


def by_nearest(columns: Numbers, known: Labelled) -> Fit:
    """The label of the nearest row seen, by the logarithms of its numbers; equally near ones vote.

    Each column counts by its spread among the rows seen: those asked about have no say in it.
    """
    logs = np.log1p(columns)
    sides = np.where(np.array(known.labels), 1.0, -1.0)

    def fit(seen: Sequence[int], asked: Sequence[int]) -> Sequence[float]:
        spread = logs[list(seen)].std(axis=0)
        # Distances are differences: nothing has to be centred.
        scaled = logs / np.where(spread > 0, spread, 1.0)
        there, votes = scaled[list(seen)], sides[list(seen)]
        scores = []
        for row in asked:
            distance = np.square(there - scaled[row]).sum(axis=1)
            scores.append(float(votes[distance <= distance.min() + 1e-12].sum()))
        return scores

    return fit


def auroc(values: Numbers, labels: Bits) -> float:
    """How often a malicious row's value is above a benign one's; equal ones count half."""
    bad, good = np.sort(values[labels]), values[~labels]
    below = np.searchsorted(bad, good, side="left")
    through = np.searchsorted(bad, good, side="right")
    pairs = len(bad) * len(good)
    return float((2 * len(bad) * len(good) - (below + through).sum()) / (2 * pairs))
