"""Held-out rows in tiers whose edges were made without them: the tiers are cross-fitted.

Edges that were anchored on a row say nothing of what they would do to it: so many honest rows lie
above them by making. So each fold is judged by a calibration and edges that come from the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.decision import TrustTier
from models.research.calibration import (
    FACTS_RATES,
    Calibrated,
    Edges,
    TierRates,
    probability,
)
from models.research.composites import NOBODY
from models.research.harness import HeldOut
from models.research.matrix import Floats, Ints
from models.research.rows import Population
from models.research.training import ANCHORS, calibrate

UNJUDGED = -1
"""The level of what has no score in a view."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """How many of the three edges lie below each margin: 0 APPROVE, 1 MONITOR, 2 QUARANTINE, 3 BLOCK."""

    held: HeldOut
    static: Ints
    behaviour: Ints
    real: Ints
    composites: Ints
    chances: Floats
    """What the composites' scores mean at the share of malicious ones among them."""
    edges: tuple[Edges, ...]
    """Those that each fold was judged by."""

    def tiers(self) -> tuple[TrustTier | None, ...]:
        """Each row's tier in the widest view in which it is real; None where it has no score."""
        rows = self.held.matrix.rows
        views = {Population.MALWARE: self.static}
        views |= dict.fromkeys((Population.GRAFT, Population.TWIN), self.behaviour)
        levels = (int(views.get(row.population, self.real)[at]) for at, row in enumerate(rows))
        order = tuple(TrustTier)
        return tuple(None if level == UNJUDGED else order[level] for level in levels)


def judge(
    held: HeldOut,
    *,
    rates: TierRates = FACTS_RATES,
    anchors: tuple[Population, ...] = ANCHORS,
) -> Judged:
    """Judge every fold by what the others say. Raises ValueInvalid where they hold too little."""
    views = {"static": held.static, "behaviour": held.behaviour, "real": held.real}
    found = {name: np.full(len(held.fold), UNJUDGED) for name in views}
    pieces = held.composites
    composites = np.full(len(pieces.fold), UNJUDGED)
    chances = np.full(len(pieces.fold), np.nan)
    used = []
    for fold in np.unique(held.fold[held.fold != NOBODY]).tolist():
        calibrated, edges = calibrate(held, rates=rates, anchors=anchors, without=fold)
        own, made = held.fold == fold, pieces.fold == fold
        for name, scores in views.items():
            found[name][own] = _levels(scores[own], calibrated, edges)
        composites[made] = _levels(pieces.scores[made], calibrated, edges)
        margins = calibrated.margin(pieces.scores[made], prior=calibrated.prior)
        chances[made] = probability(margins)
        used.append(edges)
    return Judged(held=held, **found, composites=composites, chances=chances, edges=tuple(used))


def _levels(scores: Floats, calibrated: Calibrated, edges: Edges) -> Ints:
    """An edge belongs to the better tier, as in `Edges.tier`."""
    margins = calibrated.margin(scores)
    levels = np.searchsorted(edges.margins, margins, side="left")
    return np.asarray(np.where(np.isnan(margins), UNJUDGED, levels), dtype=np.int64)
