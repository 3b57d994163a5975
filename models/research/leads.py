"""How far the model is ahead of another scorer: both on the same items, at the same share flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.research import baselines
from models.research.harness import HeldOut
from models.research.matrix import Floats
from models.research.metrics import Sample, confusion, difference, measure
from models.research.results import Lead, View
from models.research.scorers import MODEL, Other, samples_of, splits_of_others

LEAD_RATES = (0.005, 0.01, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """Pairs scorers with the model, on draws of one seed."""

    seed: int
    resamples: int

    def over_learners(
        self, split: str, ours: HeldOut, rivals: Mapping[str, HeldOut]
    ) -> Iterable[Lead]:
        """Over each rival that has a score for all that the model has one for."""
        own = dict(samples_of(MODEL, split, ours))
        for name, held in rivals.items():
            for view, theirs in samples_of(name, split, held):
                if len(theirs.scores) == len(own[view].scores):
                    for rate in LEAD_RATES:
                        yield self._lead(name, split, view, own[view], theirs.scores, rate)

    def over_others(self, others: Sequence[Other], held: Mapping[str, HeldOut]) -> Iterable[Lead]:
        """Over scorers from elsewhere, on what they have scored; at their own threshold as well."""
        for other in others:
            for split in splits_of_others(held):
                scores = baselines.given(held[split].matrix, other.scores)
                theirs = dict(samples_of(other.name, split, baselines.held_by(held[split], scores)))
                both = _only_scored(held[split], scores)
                for view, ours in samples_of(MODEL, split, both):
                    if view in other.views and view in theirs:
                        yield from self._over(other, split, view, ours, theirs[view])

    def _over(
        self, other: Other, split: str, view: View, ours: Sample, theirs: Sample
    ) -> Iterable[Lead]:
        for rate in LEAD_RATES:
            yield self._lead(other.name, split, view, ours, theirs.scores, rate)
        if other.threshold is not None:
            own = confusion(theirs, other.threshold).fpr
            lead = self._lead(other.name, split, view, ours, theirs.scores, own)
            yield replace(lead, own_threshold=True)

    def _lead(
        self, name: str, split: str, view: View, ours: Sample, theirs: Floats, rate: float
    ) -> Lead:
        figures = [
            measure(one, seed=self.seed, rates=(rate,), resamples=1).at[0].recall.value
            for one in (ours, replace(ours, scores=theirs))
        ]
        return Lead(
            scorer=name,
            split=split,
            view=view,
            rate=rate,
            items=len(ours.scores),
            ours=figures[0],
            theirs=figures[1],
            lead=difference(ours, theirs, rate=rate, seed=self.seed, resamples=self.resamples),
        )


def _only_scored(held: HeldOut, scores: Floats) -> HeldOut:
    gone = np.isnan(scores)
    return replace(
        held,
        static=np.where(gone, np.nan, held.static),
        behaviour=np.where(gone, np.nan, held.behaviour),
    )
