"""Trains LightGBM: monotone, small, and the same bytes for the same rows and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np

from models.errors import ValueInvalid
from models.research.matrix import Bools, Floats

THREADS = 1
"""Fixed, since how sums are cut into threads may decide their last bit. One, since LightGBM's threads
wait for each other by spinning: on two busy cores two threads took six times the processor time of
one. The harness trains two folds at once instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNumbers:
    """How the trees grow. Small ones: the honest rows number about a thousand."""

    trees: int = 250
    leaves: int = 12
    learning_rate: float = 0.06
    rows_in_leaf_min: int = 20
    weight_in_leaf_min: float = 2.0
    """Sum of second derivatives; a row of weight 1 gives at most 0.25."""
    l2: float = 5.0
    features_share: float = 0.4
    """Of the features that each tree may use, so that none carries the model alone."""
    rows_share: float = 0.8
    bins: int = 63


TREES = TreeNumbers()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boosted:
    """A trained model."""

    text: str
    """LightGBM's own text format, which `models.trust.booster` reads."""
    booster: lightgbm.Booster

    @property
    def used(self) -> tuple[str, ...]:
        """Names that any tree splits on, in the order of the vector."""
        splits = self.booster.feature_importance("split")
        return tuple(
            name
            for name, count in zip(self.booster.feature_name(), splits, strict=True)
            if count > 0
        )

    @property
    def gains(self) -> Mapping[str, float]:
        """What splits on each feature gained in all, by name; 0 where no tree splits on it."""
        gains = self.booster.feature_importance("gain")
        return dict(zip(self.booster.feature_name(), map(float, gains), strict=True))

    def raw(self, learned: Floats) -> Floats:
        """Log-odds before calibration, one a row."""
        scores = self.booster.predict(learned, raw_score=True, num_threads=THREADS)
        return np.asarray(scores, dtype=np.float64)


def boost(
    learned: Floats,
    malicious: Bools,
    weights: Floats,
    *,
    names: Sequence[str],
    directions: Mapping[str, int],
    seed: int,
    numbers: TreeNumbers = TREES,
) -> Boosted:
    """Train on (rows, features); `directions` become monotone constraints.

    Raises ValueInvalid where only one label is there.
    """
    if malicious.all() or not malicious.any():
        raise ValueInvalid("A model cannot be trained on rows of one label.")
    parameters = {
        "objective": "binary",
        "learning_rate": numbers.learning_rate,
        "num_leaves": numbers.leaves,
        "min_data_in_leaf": numbers.rows_in_leaf_min,
        "min_sum_hessian_in_leaf": numbers.weight_in_leaf_min,
        "lambda_l2": numbers.l2,
        "feature_fraction": numbers.features_share,
        "bagging_fraction": numbers.rows_share,
        "bagging_freq": 1,
        "max_bin": numbers.bins,
        "monotone_constraints": [directions[name] for name in names],
        "monotone_constraints_method": "basic",
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "seed": seed % 2**31,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        learned,
        label=malicious.astype(np.float64),
        weight=weights,
        feature_name=list(names),
        params=parameters,
        free_raw_data=True,
    )
    booster = lightgbm.train(parameters, data, num_boost_round=numbers.trees)
    return Boosted(text=booster.model_to_string(num_iteration=-1), booster=booster)
