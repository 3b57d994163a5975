"""Negative controls: what a model could do that saw only what it must not learn from.

Some must stay at chance, or the harness leaks: gaps, tells, the route, shuffled labels. Others are
far above it by nature (malware is small, and mostly one format): they say how much of a figure size
or format alone could have made, had the model been given them. It is not. One, the hygiene of the
metadata, it is given: that control says how much of the static figure needs no malice at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from models.research.composites import Composites, Pattern
from models.research.harness import HeldOut, Progress, Score, boosted, held_out, silent
from models.research.lightgbm_training import TREES, TreeNumbers, boost
from models.research.matrix import HONEST, Bools, Floats, Matrix
from models.research.metrics import RESAMPLES, Interval, Sample, measure
from models.research.rows import Population
from models.research.splits import Split, grouped_split

CHANCE = 0.5
CHANCE_TOLERANCE = 0.05
"""How far the lower bound of a control's AUROC may lie above chance. An AUROC of 0.55 parts one pair
in ten more than a coin does; finer leaks than this cannot be told from noise on some hundred rows."""
HYGIENE_FAMILY = "shape."
"""Features of how carefully an archive was packaged. They are learned, though nothing in them is
malicious: they may tell as much of the year and the hurry of a release."""
CONTROL_TREES = replace(TREES, trees=100, features_share=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control, on rows where it could leak."""

    name: str
    question: str
    must_hold: bool
    """Above chance, it breaks the evaluation."""
    rows: int
    auroc: Interval
    rises: bool
    """The lower bound lies above chance by more than the tolerance."""
    note: str = ""


def broken(controls: Iterable[Control]) -> tuple[Control, ...]:
    """Those that must hold and do not: a reason to trust no figure of the same table."""
    return tuple(one for one in controls if one.must_hold and one.rises)


def run_controls(
    matrix: Matrix,
    split: Split,
    *,
    seed: int,
    numbers: TreeNumbers = TREES,
    resamples: int = RESAMPLES,
    progress: Progress = silent,
) -> tuple[Control, ...]:
    """All controls; `split` is the grouped one that the model itself was measured on."""
    progress("controls: one half at a time")
    single = _Single(matrix=matrix, seed=seed, resamples=resamples)
    malware = matrix.among(Population.MALWARE, *HONEST)
    enacted = matrix.among(Population.GRAFT, Population.TWIN)
    run = matrix.has_behaviour & ~matrix.among(Population.MALWARE)
    formats = np.array([[float(row.kind == "sdist")] for row in matrix.rows])
    at = {name: place for place, name in enumerate(matrix.columns.context)}
    route = [at[name] for name in matrix.columns.route]
    before = [at[name] for name in matrix.columns.before]
    sizes = [place for place in before if place not in route]
    hygiene = matrix.learned[
        :, matrix.columns.places(n for n in matrix.columns.learned if n.startswith(HYGIENE_FAMILY))
    ]
    tells = np.hstack([matrix.context[:, before], formats])
    found = (
        single.control("size only", SIZE, matrix.context[:, sizes], malware, must_hold=False),
        single.control("format only", FORMAT, formats, malware, must_hold=False),
        single.control("metadata hygiene only", HYGIENE, hygiene, malware, must_hold=False),
        single.control("format only, re-enactments", FORMAT_RUN, formats, run, must_hold=False),
        single.control("tells only", TELLS, tells, enacted, must_hold=True),
        single.control(
            "install route only", ROUTE, matrix.context[:, route], enacted, must_hold=True
        ),
        single.control(
            "requirements only", REQUIREMENTS, matrix.context[:, route], run, must_hold=False
        ),
    )
    progress("controls: missingness only")
    gaps = held_out(matrix, split, _gaps, seed=seed)
    progress("controls: shuffled labels")
    shuffled = held_out(
        _shuffled(matrix, seed), split, boosted(numbers=numbers), seed=seed, progress=progress
    )
    return (
        *found,
        _composite_control("missingness only", GAPS, gaps, seed, resamples),
        *_shuffle_controls(shuffled, seed, resamples),
    )


SIZE = "How far do sizes and counts alone part malware from honest artifacts?"
FORMAT = "How far does wheel or sdist alone part malware from honest artifacts?"
HYGIENE = (
    "How far does careless packaging alone (no Python named, no build system, a back end of its own, "
    "a version 0.0) part malware from honest artifacts? Two of these are 0 for every wheel."
)
FORMAT_RUN = "How far does wheel or sdist alone part re-enactments from the other traced artifacts?"
TELLS = "Do size, kind or format part a re-enactment from its benign twin?"
ROUTE = "Does the way by which it was installed part a re-enactment from its benign twin?"
REQUIREMENTS = (
    "How far do counts of requirements part re-enactments from the other traced artifacts?"
)
GAPS = "Does what was not measured tell the label of a training row?"
SHUFFLE = "Does the harness find anything where there is nothing to find?"
NOTHING_GIVEN = "The table has no such column, so there is nothing that could tell."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Single:
    """A control on columns of its own, by grouped folds."""

    matrix: Matrix
    seed: int
    resamples: int

    def control(
        self, name: str, question: str, values: Floats, rows: Bools, *, must_hold: bool
    ) -> Control:
        labels = self.matrix.malicious[rows]
        if not values.shape[1] or len(np.unique(labels)) < 2:
            even = Interval(value=CHANCE, low=CHANCE, high=CHANCE)
            note = NOTHING_GIVEN if not values.shape[1] else "There are no rows of both labels."
            return _control(name, question, even, int(rows.sum()), must_hold=must_hold, note=note)
        scores = self._scores(values[rows], labels, np.flatnonzero(rows))
        sample = Sample.of(scores, labels, self.matrix.group[rows])
        found = measure(sample, seed=self.seed, resamples=self.resamples, rates=())
        return _control(name, question, found.auroc, len(labels), must_hold=must_hold)

    def _scores(self, values: Floats, labels: Bools, at: np.ndarray) -> Floats:
        rows = [self.matrix.rows[place] for place in at]
        names = [f"c{number}" for number in range(values.shape[1])]
        scores = np.full(len(rows), np.nan)
        for fold in grouped_split(rows, seed=self.seed).folds:
            train, test = np.array(fold.train, dtype=np.int64), np.array(fold.test, dtype=np.int64)
            if not len(test) or len(np.unique(labels[train])) < 2:
                continue
            model = boost(
                values[train],
                labels[train],
                _even(labels[train]),
                names=names,
                directions=dict.fromkeys(names, 0),
                seed=self.seed,
                numbers=CONTROL_TREES,
            )
            scores[test] = model.raw(values[test])
        return scores


def _even(labels: Bools) -> Floats:
    """Weights by which both labels count alike, so that folds of unlike shares score alike."""
    share = labels.mean()
    return np.asarray(np.where(labels, 0.5 / share, 0.5 / (1 - share)), dtype=np.float64)


def _gaps(composites: Composites, seed: int) -> Score:
    """A model that sees of each feature only whether it was measured."""
    names = [f"c{number}" for number in range(composites.learned.shape[1])]
    model = boost(
        np.isnan(composites.learned).astype(np.float64),
        composites.malicious,
        composites.weights,
        names=names,
        directions=dict.fromkeys(names, 0),
        seed=seed,
        numbers=CONTROL_TREES,
    )
    return lambda learned: model.raw(np.isnan(learned).astype(np.float64))


def _shuffled(matrix: Matrix, seed: int) -> Matrix:
    """Each half of each row dealt to another row that has such a half: nothing goes with the label."""
    random = np.random.default_rng(seed)
    learned = matrix.learned.copy()
    halves = (
        (matrix.has_static, matrix.static_places),
        (matrix.has_behaviour, matrix.behaviour_places),
    )
    for has, places in halves:
        rows = np.flatnonzero(has)
        learned[np.ix_(rows, places)] = matrix.learned[np.ix_(random.permutation(rows), places)]
    return replace(matrix, learned=learned)


def _composite_control(
    name: str, question: str, held: HeldOut, seed: int, resamples: int
) -> Control:
    rows = held.composites
    sample = Sample.of(rows.scores, rows.malicious, rows.group, rows.weights)
    found = measure(sample, seed=seed, resamples=resamples, rates=())
    return _control(name, question, found.auroc, len(rows.scores), must_hold=True)


def _shuffle_controls(held: HeldOut, seed: int, resamples: int) -> Iterable[Control]:
    samples: dict[str, Callable[[], Sample]] = {
        "shuffled labels, static": held.static_sample,
        "shuffled labels, behaviour": held.behaviour_sample,
        "shuffled labels, hybrid": lambda: held.composites.sample(Pattern.FULL),
    }
    for name, sample_of in samples.items():
        sample = sample_of()
        found = measure(sample, seed=seed, resamples=resamples, rates=())
        yield _control(name, SHUFFLE, found.auroc, len(sample.scores), must_hold=True)


def _control(
    name: str, question: str, auroc: Interval, rows: int, *, must_hold: bool, note: str = ""
) -> Control:
    return Control(
        name=name,
        question=question,
        must_hold=must_hold,
        rows=rows,
        auroc=auroc,
        rises=auroc.low > CHANCE + CHANCE_TOLERANCE,
        note=note,
    )
