"""Figures with their uncertainty: what a scorer catches at a fixed rate of false alarms.

Intervals come from a bootstrap over groups, not rows: forty archives of one campaign are one piece
of news. All resamples are computed at once, as counts times cumulated sums along the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from models.errors import ValueInvalid
from models.research.matrix import Bools, Floats, Ints, Texts

RESAMPLES = 2000
CHUNK = 200
"""Resamples computed at once: 200 x 10,000 numbers are 16 MB."""
RATES = (0.001, 0.005, 0.01, 0.05)
"""Shares of benign items that may be flagged."""
PRIORS = (0.001, 0.0001)
"""Malicious share of new uploads, and of what an organisation asks for (FACTS section 3)."""
TAIL = 0.025
"""Left out at each end of an interval of 95 %."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure and the bounds that hold it with 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRate:
    """What is caught where `rate` of the benign items may be flagged."""

    rate: float
    recall: Interval
    threshold: float
    """An item is flagged where its score is at or above this."""
    false_alarms: int
    """Benign items flagged."""
    precision: tuple[tuple[float, float], ...]
    """(prior, share of flagged items that are malicious), with `rate` taken as the true one."""
    claimable: bool
    """Whether there are enough benign items for the rate to mean at least one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """A scorer on one set of items."""

    malicious: int
    benign: int
    groups: int
    auroc: Interval
    auprc: Interval
    """At the malicious share of these items, which is not that of the world."""
    at: tuple[AtRate, ...]

    def recall(self, rate: float) -> Interval:
        """The recall at one of the rates."""
        return next(one.recall for one in self.at if one.rate == rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A scorer at one threshold. Precision and F1 as if half of all items were malicious."""

    threshold: float
    precision: float
    recall: float
    f1: float
    fpr: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Scored items; higher is riskier. `weights` are 1 where none are given."""

    scores: Floats
    malicious: Bools
    group: Texts
    weights: Floats

    @classmethod
    def of(
        cls, scores: Floats, malicious: Bools, group: Texts, weights: Floats | None = None
    ) -> Sample:
        """The items that have a score. Raises ValueInvalid where a label is not among them."""
        scored = ~np.isnan(scores)
        labels = malicious[scored]
        if labels.all() or not labels.any():
            raise ValueInvalid("Figures need scored items of both labels.")
        return cls(
            scores=scores[scored],
            malicious=labels,
            group=group[scored],
            weights=np.ones(len(labels)) if weights is None else weights[scored],
        )

    @property
    def benign(self) -> Bools:
        """The other label."""
        return ~self.malicious


# ---- rankings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranking:
    """Items from the riskiest down, in blocks of equal score."""

    order: Ints
    ends: Ints
    malicious: Floats
    """Weight of malicious items, in order."""
    benign: Floats

    @classmethod
    def of(cls, sample: Sample, scores: Floats | None = None) -> _Ranking:
        scores = sample.scores if scores is None else scores
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        weights = sample.weights[order]
        return cls(
            order=order,
            ends=ends,
            malicious=weights * sample.malicious[order],
            benign=weights * sample.benign[order],
        )

    def sums(self, counts: Floats) -> tuple[Floats, Floats]:
        """(resamples, blocks + 1) malicious and benign weight at or above each block's score.

        `counts` is (resamples, items), in the order of the sample.
        """
        drawn = counts[:, self.order]
        caught = np.cumsum(drawn * self.malicious, axis=1)[:, self.ends]
        flagged = np.cumsum(drawn * self.benign, axis=1)[:, self.ends]
        none = np.zeros((len(counts), 1))
        return np.hstack([none, caught]), np.hstack([none, flagged])


def _recall(caught: Floats, flagged: Floats, rate: float) -> Floats:
    last = _last(flagged, rate)
    found = np.take_along_axis(caught, last[:, None], axis=1)[:, 0]
    return np.asarray(found / caught[:, -1], dtype=np.float64)


def _last(flagged: Floats, rate: float) -> Ints:
    """The last block at which no more than `rate` of the benign weight is flagged."""
    allowed = rate * flagged[:, -1:] * (1 + _SLACK)
    return np.asarray((flagged <= allowed).sum(axis=1) - 1, dtype=np.int64)


def _auroc(caught: Floats, flagged: Floats) -> Floats:
    wide = np.diff(flagged, axis=1)
    high = (caught[:, 1:] + caught[:, :-1]) / 2
    area = (wide * high).sum(axis=1) / (caught[:, -1] * flagged[:, -1])
    return np.asarray(area, dtype=np.float64)


def _auprc(caught: Floats, flagged: Floats) -> Floats:
    steps = np.diff(caught, axis=1)
    precision = caught[:, 1:] / np.maximum(caught[:, 1:] + flagged[:, 1:], _SLACK)
    return np.asarray((steps * precision).sum(axis=1) / caught[:, -1], dtype=np.float64)


# ---- the bootstrap -------------------------------------------------------------------------------


def _draws(sample: Sample, *, seed: int, resamples: int) -> Iterator[Floats]:
    """(chunk, items) how often each item is drawn: groups with replacement, both labels kept.

    Groups are drawn among those of their like (malicious, benign, both), so that no resample lacks
    a label. The same seed and groups give the same draws, whatever the scores.
    """
    names, of = np.unique(sample.group, return_inverse=True)
    bad = np.bincount(of, sample.malicious, len(names)) > 0
    good = np.bincount(of, sample.benign, len(names)) > 0
    strata = [np.flatnonzero(one) for one in (bad & ~good, good & ~bad, bad & good)]
    random = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - start)
        counts = np.zeros((rows, len(names)))
        for stratum in strata:
            if len(stratum):
                even = np.full(len(stratum), 1 / len(stratum))
                counts[:, stratum] = random.multinomial(len(stratum), even, size=rows)
        yield counts[:, of]


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, (TAIL, 1 - TAIL))
    return Interval(value=float(value), low=float(low), high=float(high))


def _share(value: float, drawn: Floats, groups: int) -> Interval:
    """The interval of a share. Where all resamples agree on 0 or 1, the exact bound for `groups`.

    A bootstrap of things that never failed says that they never fail; the exact bound says how
    many would have had to be seen for that.
    """
    found = _interval(value, drawn)
    reach = TAIL ** (1 / max(groups, 1))
    low = min(found.low, reach) if value >= 1 - _SLACK else found.low
    high = max(found.high, 1 - reach) if value <= _SLACK else found.high
    return Interval(value=found.value, low=low, high=high)


def measure(
    sample: Sample,
    *,
    seed: int,
    rates: tuple[float, ...] = RATES,
    resamples: int = RESAMPLES,
) -> Measures:
    """All figures of a scorer with their intervals."""
    ranking = _Ranking.of(sample)
    whole = ranking.sums(np.ones((1, len(sample.scores))))
    drawn = [ranking.sums(one) for one in _draws(sample, seed=seed, resamples=resamples)]

    def over(figure: Callable[..., Floats], *arguments: float) -> tuple[float, Floats]:
        value = float(figure(*whole, *arguments)[0])
        return value, np.concatenate([figure(*one, *arguments) for one in drawn])

    clusters = len(np.unique(sample.group[sample.malicious]))
    return Measures(
        malicious=int(sample.malicious.sum()),
        benign=int(sample.benign.sum()),
        groups=len(np.unique(sample.group)),
        auroc=_interval(*over(_auroc)),
        auprc=_interval(*over(_auprc)),
        at=tuple(
            _at_rate(sample, ranking, whole, rate, _share(*over(_recall, rate), clusters))
            for rate in rates
        ),
    )


def _at_rate(
    sample: Sample,
    ranking: _Ranking,
    whole: tuple[Floats, Floats],
    rate: float,
    recall: Interval,
) -> AtRate:
    last = int(_last(whole[1], rate)[0])
    falling = sample.scores[ranking.order][ranking.ends]
    threshold = float(falling[last - 1]) if last else float(np.nextafter(falling[0], np.inf))
    flagged = (sample.scores >= threshold) & sample.benign
    return AtRate(
        rate=rate,
        recall=recall,
        threshold=threshold,
        false_alarms=int(flagged.sum()),
        precision=tuple((prior, precision_at(recall.value, rate, prior)) for prior in PRIORS),
        claimable=bool(rate * sample.benign.sum() >= 1),
    )


def precision_at(recall: float, fpr: float, prior: float) -> float:
    """The share of flagged items that are malicious, where `prior` of all items are."""
    caught = recall * prior
    return caught / (caught + fpr * (1 - prior)) if caught else 0.0


def difference(
    sample: Sample,
    other: Floats,
    *,
    rate: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Recall of the sample's scores minus that of `other`, each at the same rate, on the same draws.

    `other` has one score for each item of the sample. An interval that excludes zero means that
    one of them is better on items like these.
    """
    ours, theirs = _Ranking.of(sample), _Ranking.of(sample, other)
    ones = np.ones((1, len(sample.scores)))
    value = _recall(*ours.sums(ones), rate) - _recall(*theirs.sums(ones), rate)
    drawn = [
        _recall(*ours.sums(one), rate) - _recall(*theirs.sums(one), rate)
        for one in _draws(sample, seed=seed, resamples=resamples)
    ]
    found = _interval(float(value[0]), np.concatenate(drawn))
    if abs(found.value) < 1 - _SLACK:
        return found
    # One catches all and the other none, in every resample: see `_share`.
    reach = TAIL ** (1 / len(np.unique(sample.group[sample.malicious])))
    if found.value > 0:
        return Interval(value=found.value, low=min(found.low, reach), high=found.high)
    return Interval(value=found.value, low=found.low, high=max(found.high, -reach))


def share_at_or_above(
    scores: Floats, group: Texts, threshold: float, *, seed: int, resamples: int = RESAMPLES
) -> Interval:
    """The share of items at or above a threshold, such as the false alarms of one population."""
    names, of = np.unique(group, return_inverse=True)
    hits = np.bincount(of, scores >= threshold, len(names)).astype(np.float64)
    sizes = np.bincount(of, minlength=len(names)).astype(np.float64)
    even = np.full(len(names), 1 / len(names))
    counts = np.random.default_rng(seed).multinomial(len(names), even, size=resamples)
    drawn = (counts @ hits) / (counts @ sizes)
    return _share(float(hits.sum() / sizes.sum()), drawn, len(names))


def confusion(sample: Sample, threshold: float) -> Confusion:
    """Precision, recall, F1 and FPR where items at or above `threshold` are flagged."""
    flagged = sample.scores >= threshold
    weights = sample.weights
    recall = float((weights * (flagged & sample.malicious)).sum() / weights[sample.malicious].sum())
    fpr = float((weights * (flagged & sample.benign)).sum() / weights[sample.benign].sum())
    precision = precision_at(recall, fpr, 0.5)
    whole = precision + recall
    return Confusion(
        threshold=threshold,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / whole if whole else 0.0,
        fpr=fpr,
    )


Points = tuple[tuple[float, float], ...]
POINTS_MAX = 240


def roc_points(sample: Sample) -> Points:
    """(false positive rate, recall) from (0, 0) to (1, 1), at most POINTS_MAX of them."""
    caught, flagged = _Ranking.of(sample).sums(np.ones((1, len(sample.scores))))
    return _thinned(flagged[0] / flagged[0, -1], caught[0] / caught[0, -1])


def precision_points(sample: Sample) -> Points:
    """(recall, precision at equal shares of both labels) along the ranking."""
    caught, flagged = _Ranking.of(sample).sums(np.ones((1, len(sample.scores))))
    recall, fpr = caught[0, 1:] / caught[0, -1], flagged[0, 1:] / flagged[0, -1]
    return _thinned(recall, recall / np.maximum(recall + fpr, _SLACK))


def _thinned(x: Floats, y: Floats) -> Points:
    """Points that differ, those with small x kept densest, since a log axis shows them largest."""
    both = np.round(np.column_stack([x, y]), 6)
    both = both[np.append(True, (both[1:] != both[:-1]).any(axis=1))]
    if len(both) > POINTS_MAX:
        at = np.unique(np.geomspace(1, len(both), POINTS_MAX).astype(np.int64) - 1)
        both = both[at]
    return tuple((float(one[0]), float(one[1])) for one in both)
