"""Shares with their intervals, and two scorers compared on the same archives at the same error rate."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

RESAMPLES = 2_000
Z_95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The scores that two scorers gave one archive; higher is worse."""

    ours: float
    theirs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Recall of both at the rate of false positives that theirs has at its own threshold."""

    theirs_false: float
    ours_false: float
    """Never above `theirs_false`, and below where many scores are alike."""
    bar: float
    """Ours flags what is higher."""
    ours: float
    theirs: float

    @property
    def difference(self) -> float:
        """Recall of ours less that of theirs."""
        return self.ours - self.theirs


def wilson(hits: int, n: int) -> Interval:
    """The 95 % score interval of a share (Wilson 1927); nothing is known of none."""
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, Z_95 * Z_95
    middle = share + square / (2 * n)
    margin = Z_95 * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low, high = (middle - margin) / (1 + square / n), (middle + margin) / (1 + square / n)
    return (0.0 if hits == 0 else low), (1.0 if hits == n else high)


def bar_for(scores: Iterable[float], flagged_max: int) -> float:
    """The lowest bar above which at most `flagged_max` of `scores` lie; only what is higher is flagged.

    Equal scores are flagged together or not at all, so that fewer may be flagged, never more. A score
    of 0 is never flagged.
    """
    ordered = sorted((score for score in scores if score > 0), reverse=True)
    return ordered[flagged_max] if len(ordered) > flagged_max else 0.0


def compare(malware: Sequence[Pair], honest: Sequence[Pair], threshold: float) -> Comparison:
    """Both on the same archives; `threshold` is theirs (`>=` flags), our bar follows. Neither may be empty."""
    flagged = sum(pair.theirs >= threshold for pair in honest)
    bar = bar_for((pair.ours for pair in honest), flagged)
    return Comparison(
        theirs_false=flagged / len(honest),
        ours_false=_share(pair.ours > bar for pair in honest),
        bar=bar,
        ours=_share(pair.ours > bar for pair in malware),
        theirs=_share(pair.theirs >= threshold for pair in malware),
    )


def bootstrap(
    malware: Sequence[Sequence[Pair]],
    honest: Sequence[Sequence[Pair]],
    threshold: float,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """95 % intervals of `ours`, `theirs` and `difference`, by resampling clusters (percentiles).

    `malware` and `honest` are clusters, drawn whole and with replacement; both scorers are compared
    on the same draw, and our bar is found anew in each, so that what it owes to chance counts.
    """
    source = random.Random(seed)  # noqa: S311 - a draw that can be repeated, not a secret
    drawn = [
        compare(_draw(source, malware), _draw(source, honest), threshold) for _ in range(resamples)
    ]
    wanted: dict[str, Callable[[Comparison], float]] = {
        "ours": lambda one: one.ours,
        "theirs": lambda one: one.theirs,
        "difference": lambda one: one.difference,
    }
    return {name: _middle_95([value(one) for one in drawn]) for name, value in wanted.items()}


def clustered(pairs: Iterable[tuple[str, Pair]]) -> list[list[Pair]]:
    """Pairs by the name of their cluster, in the order in which the names first come."""
    clusters: dict[str, list[Pair]] = {}
    for name, pair in pairs:
        clusters.setdefault(name, []).append(pair)
    return list(clusters.values())


def _draw(source: random.Random, clusters: Sequence[Sequence[Pair]]) -> list[Pair]:
    return list(chain.from_iterable(source.choices(clusters, k=len(clusters))))


def _middle_95(values: Sequence[float]) -> Interval:
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(last * 0.025)], ordered[round(last * 0.975)]


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known)
