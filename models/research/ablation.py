"""What each layer and each family of features is worth: trained again without it."""

from __future__ import annotations

from dataclasses import dataclass

from models.evidence import Layer
from models.research.composites import Pattern
from models.research.harness import HeldOut, Progress, boosted, held_out, silent
from models.research.lightgbm_training import TREES, TreeNumbers
from models.research.matrix import Matrix, family_of
from models.research.metrics import RESAMPLES, Interval, Sample, difference
from models.research.splits import Split

EQUAL_RATE = 0.01
"""The false positive rate at which recalls are compared: with about 1,000 honest rows, ten of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What recall a view loses, at EQUAL_RATE; an interval that holds zero may be noise."""

    view: str
    lost: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The model without some features."""

    name: str
    kind: str
    """`layer` or `family`."""
    features: int
    """Those of them that vary; the others could not be missed."""
    losses: tuple[Loss, ...]


def ablate(
    matrix: Matrix,
    split: Split,
    whole: HeldOut,
    *,
    seed: int,
    numbers: TreeNumbers = TREES,
    resamples: int = RESAMPLES,
    progress: Progress = silent,
) -> tuple[Dropped, ...]:
    """Drop each layer and each family in turn; `whole` are the scores of all, on the same split.

    A layer or family of which nothing varies has nothing to lose, and is left out.
    """
    columns, varying = matrix.columns, matrix.varying
    sets = {
        ("layer", layer.value): columns.of_layers(layer)
        for layer in Layer
        if not varying.isdisjoint(columns.of_layers(layer))
    }
    for family in columns.families:
        own = tuple(name for name in columns.learned if family_of(name) == family)
        if own not in sets.values() and not varying.isdisjoint(own):
            sets["family", family] = own
    found = []
    for (kind, name), gone in sets.items():
        kept = tuple(one for one in columns.learned if one not in set(gone))
        if not kept:
            continue
        progress(f"ablation: without {kind} {name}")
        without = held_out(matrix, split, boosted(kept, numbers), seed=seed)
        losses = _losses(whole, without, seed=seed, resamples=resamples)
        found.append(
            Dropped(name=name, kind=kind, features=len(varying.intersection(gone)), losses=losses)
        )
    return tuple(found)


def _losses(whole: HeldOut, without: HeldOut, *, seed: int, resamples: int) -> tuple[Loss, ...]:
    pairs: tuple[tuple[str, Sample, Sample], ...] = (
        ("static", whole.static_sample(), without.static_sample()),
        ("behaviour", whole.behaviour_sample(), without.behaviour_sample()),
        (
            "hybrid",
            whole.composites.sample(Pattern.FULL),
            without.composites.sample(Pattern.FULL),
        ),
    )
    return tuple(
        Loss(
            view=view,
            lost=difference(ours, theirs.scores, rate=EQUAL_RATE, seed=seed, resamples=resamples),
        )
        for view, ours, theirs in pairs
    )
