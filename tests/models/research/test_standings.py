"""Alarms and tiers count cross-fitted levels, each population by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.research.harness import boosted, held_out
from models.research.judging import UNJUDGED, judge
from models.research.lightgbm_training import TREES
from models.research.matrix import HONEST
from models.research.rows import Population
from models.research.splits import grouped_split
from models.research.standings import alarms_of, tiers_of
from tests.models.research import synthetic

MATRIX = synthetic.matrix(synthetic.table())
JUDGED = judge(
    held_out(
        MATRIX,
        grouped_split(MATRIX.rows, seed=1),
        boosted(numbers=replace(TREES, trees=20)),
        seed=1,
    )
)


def test_alarms__are_the_shares_of_levels_that_a_population_was_judged_at() -> None:
    """The levels are planted, so that no edge made from these rows could have led to them."""
    own = np.flatnonzero(MATRIX.among(Population.POPULAR))
    levels = np.where(JUDGED.real == UNJUDGED, UNJUDGED, 0)
    levels[own[:4]] = (3, 2, 1, 1)
    found = list(alarms_of(replace(JUDGED, real=levels), seed=1, resamples=20))
    whole = {one.population: one for one in found if one.kind == "all"}
    popular = whole["popular"]
    assert popular.rows == len(own)
    assert popular.above_e80.value == pytest.approx(4 / len(own))
    assert popular.above_e60.value == pytest.approx(2 / len(own))
    assert popular.above_e30.value == pytest.approx(1 / len(own))
    assert all(
        one.above_e80.value == 0 for one in found if one.population != Population.POPULAR.value
    )
    for population in HONEST:
        kinds = [one for one in found if one.population == population.value and one.kind != "all"]
        assert sum(one.rows for one in kinds) == whole[population.value].rows


def test_tiers__agree_with_the_alarms() -> None:
    tiers = {one.name: one for one in tiers_of(JUDGED)}
    for one in alarms_of(JUDGED, seed=1, resamples=5):
        if one.kind == "all":
            own = tiers[one.population]
            assert own.rows == one.rows
            assert own.block == pytest.approx(one.above_e30.value)
            assert own.block + own.quarantine == pytest.approx(one.above_e60.value)
            assert 1 - own.approve == pytest.approx(one.above_e80.value)
