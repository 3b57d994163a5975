"""A row has no say in the edges that it is judged by."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.decision import TrustTier
from models.research.calibration import FACTS_RATES
from models.research.harness import HeldOut, boosted, held_out
from models.research.judging import UNJUDGED, judge
from models.research.lightgbm_training import TREES
from models.research.rows import Population
from models.research.splits import grouped_split
from models.research.training import ANCHORS, calibrate
from tests.models.research import synthetic

MATRIX = synthetic.matrix(synthetic.table(scale=2))
SPLIT = grouped_split(MATRIX.rows, seed=1)


@cache
def held() -> HeldOut:
    return held_out(MATRIX, SPLIT, boosted(numbers=replace(TREES, trees=20)), seed=1)


def _fold(number: int) -> np.ndarray:
    return np.asarray(held().fold == number)


def test_held_out__says_of_each_row_which_fold_held_it_out() -> None:
    for number, fold in enumerate(SPLIT.folds):
        assert np.flatnonzero(_fold(number)).tolist() == list(fold.test)
        groups = set(MATRIX.group[_fold(number)].tolist())
        pieces = held().composites
        assert set(pieces.group[pieces.fold == number].tolist()) <= groups


@pytest.mark.parametrize("number", range(5))
def test_judge__a_folds_scores_do_not_move_its_own_edges(number: int) -> None:
    found = held()
    anchors = MATRIX.among(*ANCHORS)
    own = _fold(number)
    changed = replace(
        found,
        real=np.where(own & anchors, found.real + 20, found.real),
        composites=replace(
            found.composites,
            scores=np.where(
                found.composites.fold == number, -found.composites.scores, found.composites.scores
            ),
        ),
    )
    before, after = judge(found), judge(changed)
    assert before.edges[number] == after.edges[number]
    others = [at for at in range(5) if at != number]
    assert all(before.edges[at] != after.edges[at] for at in others)
    # By edges that all rows anchor, no more than the rate could ever be above them.
    levels = after.real[own & anchors]
    assert (levels == 3).all()
    _, shipped = calibrate(changed)
    assert shipped.e60.beyond <= FACTS_RATES.e60 * anchors.sum() < len(levels)


def test_judge__levels_are_the_tiers_of_the_folds_edges() -> None:
    judged = judge(held())
    tiers = tuple(TrustTier)
    assert tiers == (
        TrustTier.APPROVE,
        TrustTier.MONITOR,
        TrustTier.QUARANTINE,
        TrustTier.BLOCK,
    )
    for number in range(5):
        calibrated, edges = calibrate(held(), without=number)
        assert judged.edges[number] == edges
        for at in np.flatnonzero(_fold(number)):
            margin = calibrated.margin(held().static[[at]])[0]
            level = judged.static[at]
            assert (level == UNJUDGED) == bool(np.isnan(margin))
            if level != UNJUDGED:
                assert tiers[level] is edges.tier(float(margin))


def test_judge__every_composite_has_a_level_and_a_chance() -> None:
    judged = judge(held())
    assert (judged.composites != UNJUDGED).all()
    assert ((judged.chances > 0) & (judged.chances < 1)).all()
    assert (judged.real[MATRIX.among(Population.MALWARE)] == UNJUDGED).all()
