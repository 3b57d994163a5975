"""Who is compared: the model, the baselines that learn beside it, and scorers from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.errors import ValueInvalid
from models.evidence import Layer
from models.research import baselines
from models.research.composites import Pattern
from models.research.harness import HeldOut, Progress, held_out, silent
from models.research.lightgbm_training import TREES, TreeNumbers
from models.research.matrix import Matrix
from models.research.metrics import Sample
from models.research.results import View
from models.research.rows import Table
from models.research.splits import Split

MODEL = "learned"
SUM = "weighted sum"
LOGISTIC = "logistic regression"
FOREST = "DySec forest"


def alone(layer: Layer) -> str:
    """The name of the baseline that sees one layer."""
    return f"{layer.value} alone"


LEARNERS = (*(alone(layer) for layer in Layer), SUM, LOGISTIC)
"""Baselines that learn from the same table."""
VIEWS_OF_SPLIT = {
    "time": (View.STATIC,),
    "leave-one-technique-out": (View.BEHAVIOUR,),
    "leave-one-recipe-out": (View.BEHAVIOUR,),
}
"""What a split tests; the others test all."""
VIEWS_OF_SCORER = {
    alone(Layer.METADATA): (View.STATIC, View.HYBRID),
    alone(Layer.PROVENANCE): (View.STATIC, View.HYBRID),
    alone(Layer.BEHAVIOUR): (View.BEHAVIOUR, View.HYBRID),
    FOREST: (View.BEHAVIOUR,),
}
"""Where a scorer has something to look at; the others have in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A scorer that runs elsewhere, such as GuardDog: risk by a row's id, higher is riskier."""

    name: str
    scores: Mapping[str, float]
    threshold: float | None = None
    """At or above it, it flags by default; the model is then compared at that rate too."""
    views: tuple[View, ...] = (View.STATIC,)
    """Where its scores mean something. What reads archives is not asked about re-enactments, and a
    composite has no id, so that nobody outside can have scored it."""

    def __post_init__(self) -> None:
        """Raises ValueInvalid for composites."""
        if View.HYBRID in self.views:
            raise ValueInvalid(f"{self.name} cannot have scored composites, which have no id.")


def learners(
    matrix: Matrix,
    split: Split,
    *,
    seed: int,
    numbers: TreeNumbers = TREES,
    progress: Progress = silent,
) -> dict[str, HeldOut]:
    """The baselines that learn from the same table, on the same folds."""
    parts = baselines.alone(matrix, split, seed=seed, numbers=numbers, progress=progress)
    found = {alone(layer): held for layer, held in parts.items()}
    found[SUM] = baselines.weighted_sum(parts)
    progress("baselines: logistic regression")
    found[LOGISTIC] = held_out(matrix, split, baselines.logistic, seed=seed)
    return found


def forest_beside(held: HeldOut, dysec: Table, split: Split, *, seed: int) -> HeldOut:
    """DySec's forest on the items of `held`; it knows runs and nothing else."""
    scores = baselines.forest(held.matrix, dysec, split, seed=seed)
    nothing = np.full(len(scores), np.nan)
    return replace(held, static=nothing, real=nothing, behaviour=scores)


def sample_of(held: HeldOut, view: View) -> Sample:
    """The items of one view. Raises ValueInvalid where it lacks a label."""
    match view:
        case View.STATIC:
            return held.static_sample()
        case View.BEHAVIOUR:
            return held.behaviour_sample()
        case View.HYBRID:
            return held.composites.sample(Pattern.FULL)


def samples_of(name: str, split: str, held: HeldOut) -> Iterable[tuple[View, Sample]]:
    """The views in which a scorer can be asked under a split."""
    wanted = set(VIEWS_OF_SPLIT.get(split, tuple(View)))
    wanted &= set(VIEWS_OF_SCORER.get(name, tuple(View)))
    for view in View:
        if view in wanted:
            try:
                yield view, sample_of(held, view)
            except ValueInvalid:
                continue


def splits_of_others(held: Mapping[str, HeldOut]) -> tuple[str, ...]:
    """The splits in which another's scores are looked at: its own are the same in all of them."""
    return tuple(name for name in ("grouped", "time") if name in held)
