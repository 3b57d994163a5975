"""One harness for every scorer: train on a fold's composites, score what the fold holds out.

A scorer is asked for each held-out row in the views in which the row is real: malware by its code,
a re-enactment by its behaviour, an honest artifact by either and by both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.research.composites import NOBODY, Composites, Pattern, compose
from models.research.lightgbm_training import TREES, TreeNumbers, boost
from models.research.matrix import HONEST, Bools, Floats, Ints, Matrix, Texts
from models.research.metrics import Sample
from models.research.rows import Population
from models.research.splits import Fold, Split

Score = Callable[[Floats], Floats]
"""From learned vectors to one number each; higher is riskier."""
Fit = Callable[[Composites, int], Score]
"""Trains on composites with a seed."""
FOLDS_AT_ONCE = 2
"""Trainings at a time, each on one thread (LightGBM leaves the interpreter's lock alone)."""
Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOutComposites:
    """Composites of held-out rows, with the scores of the model that had not seen either half."""

    scores: Floats
    malicious: Bools
    weights: Floats
    pattern: Texts
    recipe: Texts
    group: Texts
    """The group of the half that makes the label, else of the static half."""
    fold: Ints
    """The number of the fold that both halves were held out in."""

    def sample(self, pattern: Pattern) -> Sample:
        """Those of one pattern, for figures."""
        own = self.pattern == pattern.value
        return Sample.of(self.scores[own], self.malicious[own], self.group[own], self.weights[own])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Scores of held-out rows, in the table's order. NaN: not tested, or the view is not there."""

    matrix: Matrix
    static: Floats
    """By the archive alone."""
    behaviour: Floats
    """By the run alone."""
    real: Floats
    """By all that was measured of it; honest rows only."""
    composites: HeldOutComposites
    fold: Ints
    """The number of the fold that held it out; NOBODY: it was not tested."""

    def static_sample(self) -> Sample:
        """Malware against honest artifacts, by the archive alone."""
        return self._sample(self.static, Population.MALWARE)

    def behaviour_sample(self) -> Sample:
        """Re-enactments against honest artifacts, by the run alone."""
        return self._sample(self.behaviour, Population.GRAFT)

    def _sample(self, scores: Floats, malicious: Population) -> Sample:
        own = self.matrix.among(malicious, *HONEST)
        return Sample.of(scores[own], self.matrix.malicious[own], self.matrix.group[own])


def boosted(names: Sequence[str] | None = None, numbers: TreeNumbers = TREES) -> Fit:
    """LightGBM on some of the learned features, or on all of them."""

    def fit(composites: Composites, seed: int) -> Score:
        columns = composites.columns
        chosen = tuple(names) if names is not None else columns.learned
        at = columns.places(chosen)
        # A row of which nothing is measured teaches only that gaps exist.
        told = composites.only(np.asarray(~np.isnan(composites.learned[:, at]).all(axis=1)))
        model = boost(
            told.learned[:, at],
            told.malicious,
            told.weights,
            names=chosen,
            directions=columns.directions,
            seed=seed,
            numbers=numbers,
        )
        return lambda learned: model.raw(learned[:, at])

    return fit


def held_out(
    matrix: Matrix,
    split: Split,
    fit: Fit,
    *,
    seed: int,
    progress: Progress = silent,
) -> HeldOut:
    """Train once a fold and score the rows that it holds out, each by a model that never saw them."""
    rows = len(matrix.rows)
    static, behaviour, real = (np.full(rows, np.nan) for _ in range(3))
    place = np.full(rows, NOBODY)
    by_archive, by_run = matrix.static_view(), matrix.behaviour_view()
    honest = matrix.among(*HONEST)
    folds = [(number, fold) for number, fold in enumerate(split.folds) if fold.test]

    def one(numbered: tuple[int, Fold]) -> tuple[Ints, Floats, Floats, Floats, HeldOutComposites]:
        number, fold = numbered
        test = np.array(fold.test, dtype=np.int64)
        train = np.array(fold.train, dtype=np.int64)
        score = fit(compose(matrix, train, seed=seed + number), seed)
        return (
            test,
            score(by_archive[test]),
            score(by_run[test]),
            score(matrix.learned[test]),
            _composites(matrix, test, score, seed=seed + number, fold=number),
        )

    parts: list[HeldOutComposites] = []
    with ThreadPoolExecutor(FOLDS_AT_ONCE) as threads:
        for at, (test, *views, made) in enumerate(threads.map(one, folds), start=1):
            static[test], behaviour[test], real[test] = views
            place[test] = folds[at - 1][0]
            parts.append(made)
            progress(f"{split.name}: {at} of {len(folds)} folds")
    static[~matrix.has_static] = np.nan
    behaviour[~matrix.has_behaviour] = np.nan
    real[~honest] = np.nan
    return HeldOut(
        matrix=matrix,
        static=static,
        behaviour=behaviour,
        real=real,
        composites=_joined(parts),
        fold=place,
    )


def _composites(
    matrix: Matrix, test: Ints, score: Score, *, seed: int, fold: int
) -> HeldOutComposites:
    """What a test part can be put together to; a part of one label has none."""
    if len(np.unique(matrix.malicious[test])) < 2:
        return _joined([])
    made = compose(matrix, test, seed=seed)
    by_behaviour = (made.static_of == NOBODY) | np.isin(
        made.recipe, ("hidden payload", "honest, twin's behaviour")
    )
    of = np.where(by_behaviour, made.behaviour_of, made.static_of)
    return HeldOutComposites(
        scores=score(made.learned),
        malicious=made.malicious,
        weights=made.weights,
        pattern=made.pattern,
        recipe=made.recipe,
        group=matrix.group[of],
        fold=np.full(len(of), fold),
    )


def _joined(parts: Sequence[HeldOutComposites]) -> HeldOutComposites:
    none, nobody = np.zeros(0), np.zeros(0, dtype=np.str_)
    return HeldOutComposites(
        scores=np.concatenate([none, *(part.scores for part in parts)]),
        malicious=np.concatenate([none, *(part.malicious for part in parts)]).astype(np.bool_),
        weights=np.concatenate([none, *(part.weights for part in parts)]),
        pattern=np.concatenate([nobody, *(part.pattern for part in parts)]),
        recipe=np.concatenate([nobody, *(part.recipe for part in parts)]),
        group=np.concatenate([nobody, *(part.group for part in parts)]),
        fold=np.concatenate([none, *(part.fold for part in parts)]).astype(np.int64),
    )
