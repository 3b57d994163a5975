"""The model that ships: held-out scores calibrate it and set its tiers, then all rows train it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.canonical import Digest
from models.research.calibration import (
    FACTS_RATES,
    PRIOR_DEPLOYMENT,
    Calibrated,
    Edges,
    TierRates,
    anchor_edges,
    fit_platt,
)
from models.research.composites import MALICIOUS_SHARE, compose
from models.research.harness import HeldOut, Progress, boosted, held_out, silent
from models.research.lightgbm_training import TREES, Boosted, TreeNumbers, boost
from models.research.matrix import Matrix
from models.research.rows import Population
from models.research.splits import grouped_split, split_digest

ANCHORS = (Population.POPULAR, Population.LONG_TAIL, Population.SIMILAR)
"""Whom the tiers are anchored on: what people ask for. Hard cases are chosen for being hard, so that
their share among the honest rows says nothing about the world; they are reported beside them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """All that a card says about a model beside where it came from."""

    text: str
    """LightGBM's text format; the same bytes for the same table and seed."""
    features: tuple[str, ...]
    """Names in the order of the vector."""
    calibrated: Calibrated
    prior_deployment: float
    edges: Edges
    split_digest: Digest
    """Of the grouped folds that calibrated it."""
    data_rows: int
    held: HeldOut


def calibrate(
    held: HeldOut,
    *,
    rates: TierRates = FACTS_RATES,
    anchors: tuple[Population, ...] = ANCHORS,
    without: int | None = None,
) -> tuple[Calibrated, Edges]:
    """Platt on held-out composites; edges on the margins of held-out honest rows, as they are.

    `without` a fold: neither its rows nor its composites have a say, so that they may be judged.
    """
    rows = held.composites
    own = np.ones(len(rows.fold), dtype=np.bool_) if without is None else rows.fold != without
    calibrated = fit_platt(rows.scores[own], rows.malicious[own], rows.weights[own])
    honest = held.matrix.among(*anchors) & ~np.isnan(held.real)
    if without is not None:
        honest &= held.fold != without
    return calibrated, anchor_edges(calibrated.margin(held.real[honest]), rates)


def whole_model(matrix: Matrix, *, seed: int, numbers: TreeNumbers = TREES) -> tuple[Boosted, int]:
    """The model over all rows, and how many composites it was trained on."""
    rows = compose(matrix, np.arange(len(matrix.rows)), seed=seed)
    columns = matrix.columns
    model = boost(
        rows.learned,
        rows.malicious,
        rows.weights,
        names=columns.learned,
        directions=columns.directions,
        seed=seed,
        numbers=numbers,
    )
    return model, len(rows.malicious)


def train(
    matrix: Matrix,
    *,
    seed: int,
    rates: TierRates = FACTS_RATES,
    anchors: tuple[Population, ...] = ANCHORS,
    numbers: TreeNumbers = TREES,
    held: HeldOut | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train the model over all layers. `held`: the same grouped scores, where they are there already."""
    split = grouped_split(matrix.rows, seed=seed)
    if held is None:
        held = held_out(matrix, split, boosted(numbers=numbers), seed=seed, progress=progress)
    calibrated, edges = calibrate(held, rates=rates, anchors=anchors)
    progress("all rows: the model that ships")
    model, rows = whole_model(matrix, seed=seed, numbers=numbers)
    return Trained(
        text=model.text,
        features=matrix.columns.learned,
        calibrated=replace(calibrated, prior=MALICIOUS_SHARE),
        prior_deployment=PRIOR_DEPLOYMENT,
        edges=edges,
        split_digest=split_digest(matrix.rows, split),
        data_rows=rows,
        held=held,
    )
