"""What the model has to beat, on the same folds: one layer alone, the thesis' sum, older learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.errors import ValueInvalid
from models.evidence import Layer
from models.research.calibration import Calibrated, fit_platt, probability
from models.research.composites import Composites, Pattern
from models.research.harness import HeldOut, Progress, Score, boosted, held_out, silent
from models.research.lightgbm_training import TREES, TreeNumbers
from models.research.matrix import HONEST, Bools, Floats, Ints, Matrix
from models.research.rows import Population, Table
from models.research.splits import Split
from models.trust.numbers import RULES

COOLDOWN = (
    "Cooldown (serve nothing younger than N days) is left out as a figure. How much it catches "
    "depends on how fast malware is removed, and no table here says when an archive was removed; "
    "without that day neither its recall nor its cost can be computed. What is known without any: it "
    "refuses every honest release of its first N days, and passes whatever outlives them."
)
TREES_OF_FOREST = 300
LOGISTIC_STRENGTH = 0.05
"""Inverse of the penalty; few rows and many columns that go together want a strong one."""


def alone(
    matrix: Matrix,
    split: Split,
    *,
    seed: int,
    numbers: TreeNumbers = TREES,
    progress: Progress = silent,
) -> dict[Layer, HeldOut]:
    """LightGBM on the features of one layer at a time, for each layer of which any varies."""
    found = {}
    for layer in Layer:
        names = matrix.columns.of_layers(layer)
        if not matrix.varying.isdisjoint(names):
            progress(f"baselines: {layer.value} alone")
            found[layer] = held_out(matrix, split, boosted(names, numbers), seed=seed)
    return found


def weighted_sum(
    parts: Mapping[Layer, HeldOut], weights: Mapping[Layer, int] | None = None
) -> HeldOut:
    """The thesis' sum: each layer's chance of malice times a fixed weight, over what was measured.

    `weights` in percent, by default those of the rules scorer (metadata 20, behaviour 45, provenance
    15, reputation 20). A layer that was not measured leaves its weight to the others, as there.
    Raises ValueInvalid where there are no layers.
    """
    if not parts:
        raise ValueInvalid("A weighted sum needs at least one layer.")
    weights = weights or dict(RULES.weights)
    fits = {}
    for layer, held in parts.items():
        rows = held.composites
        own = _measured(layer, rows.pattern)
        fits[layer] = fit_platt(rows.scores[own], rows.malicious[own], rows.weights[own])

    def summed(name: str, layers: Sequence[Layer]) -> Floats:
        shares = np.array([weights[layer] for layer in layers], dtype=np.float64)
        chances = np.array(
            [
                probability(fits[layer].margin(getattr(parts[layer], name), prior=0.5))
                for layer in layers
            ]
        )
        return np.asarray(shares @ chances / shares.sum(), dtype=np.float64)

    by_archive = [layer for layer in parts if layer is not Layer.BEHAVIOUR]
    by_run = [layer for layer in parts if layer is Layer.BEHAVIOUR]
    first = next(iter(parts.values()))
    nothing = np.full(len(first.static), np.nan)
    return replace(
        first,
        static=summed("static", by_archive) if by_archive else nothing,
        behaviour=summed("behaviour", by_run) if by_run else nothing,
        real=summed("real", list(parts)),
        composites=replace(first.composites, scores=_summed_composites(parts, fits, weights)),
    )


def _measured(layer: Layer, pattern: np.ndarray) -> Bools:
    gap = Pattern.STATIC if layer is Layer.BEHAVIOUR else Pattern.BEHAVIOUR
    return np.asarray(pattern != gap.value, dtype=np.bool_)


def _summed_composites(
    parts: Mapping[Layer, HeldOut], fits: Mapping[Layer, Calibrated], weights: Mapping[Layer, int]
) -> Floats:
    first = next(iter(parts.values())).composites
    total = np.zeros(len(first.scores))
    whole = np.zeros(len(first.scores))
    for layer, held in parts.items():
        own = _measured(layer, first.pattern)
        chance = probability(fits[layer].margin(held.composites.scores, prior=0.5))
        total[own] += weights[layer] * chance[own]
        whole[own] += weights[layer]
    return total / np.maximum(whole, 1)


def logistic(composites: Composites, seed: int) -> Score:
    """Logistic regression: logarithms, medians where nothing was measured, and flags that say so."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra of research

    told = composites.learned
    scaled = np.sign(told) * np.log1p(np.abs(told))
    empty = np.isnan(scaled).all(axis=0)
    middle = np.zeros(scaled.shape[1])
    middle[~empty] = np.nanmedian(scaled[:, ~empty], axis=0)
    filled = np.where(np.isnan(scaled), middle, scaled)
    mean, spread = filled.mean(axis=0), filled.std(axis=0)
    spread[spread == 0] = 1
    # Columns of one half are missing together; one flag for each such set is enough.
    _, flags = np.unique(np.isnan(told), axis=1, return_index=True)

    def design(learned: Floats) -> Floats:
        logs = np.sign(learned) * np.log1p(np.abs(learned))
        known = (np.where(np.isnan(logs), middle, logs) - mean) / spread
        return np.hstack([known, np.isnan(learned[:, flags])])

    model = LogisticRegression(C=LOGISTIC_STRENGTH, max_iter=2000, tol=1e-3, random_state=seed)
    model.fit(design(told), composites.malicious, sample_weight=composites.weights)
    return lambda learned: np.asarray(model.decision_function(design(learned)), dtype=np.float64)


def forest(matrix: Matrix, dysec: Table, split: Split, *, seed: int) -> Floats:
    """A random forest on the 36 features of QUT-DV25 and DySec, by our traces of the same artifacts.

    One score for each row of the matrix that `dysec` has by id and that was run; NaN for others.
    Re-enactments against honest artifacts and twins; features that are no numbers must have been
    turned into counts before.
    """
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - an extra of research

    vectors = {row.id: row.values for row in dysec.rows}
    width = len(dysec.features)
    missing = (np.nan,) * width
    values = np.array([vectors.get(row.id, missing) for row in matrix.rows], dtype=np.float64)
    usable = ~np.isnan(values).all(axis=1) & ~matrix.among(Population.MALWARE)
    values = np.nan_to_num(values, nan=-1.0)
    scores = np.full(len(matrix.rows), np.nan)
    for fold in split.folds:
        train, test = (_usable(side, usable) for side in (fold.train, fold.test))
        if not len(test) or len(np.unique(matrix.malicious[train])) < 2:
            continue
        model = RandomForestClassifier(
            n_estimators=TREES_OF_FOREST,
            min_samples_leaf=2,
            class_weight="balanced",
            random_state=seed,
            n_jobs=1,
        )
        model.fit(values[train], matrix.malicious[train])
        scores[test] = model.predict_proba(values[test])[:, 1]
    return scores


def _usable(rows: Sequence[int], usable: Bools) -> Ints:
    at = np.array(rows, dtype=np.int64)
    return at[usable[at]]


def given(matrix: Matrix, scores: Mapping[str, float]) -> Floats:
    """Another scorer's risk by id, such as GuardDog's; NaN where it has none."""
    return np.array([scores.get(row.id, np.nan) for row in matrix.rows], dtype=np.float64)


def held_by(held: HeldOut, scores: Floats) -> HeldOut:
    """The same items under scores that another made of each whole artifact, without composites."""
    honest = held.matrix.among(*HONEST)
    return replace(
        held,
        static=np.where(np.isnan(held.static), np.nan, scores),
        behaviour=np.where(np.isnan(held.behaviour), np.nan, scores),
        real=np.where(honest, scores, np.nan),
    )
