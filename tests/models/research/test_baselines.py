"""Baselines run on the same folds as the model, and each sees only what it is about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import ValueInvalid
from models.evidence import Layer
from models.research import baselines
from models.research.harness import HeldOut, boosted, held_out
from models.research.lightgbm_training import TREES
from models.research.metrics import measure
from models.research.rows import Table
from models.research.splits import grouped_split
from tests.models.research import synthetic

TABLE = synthetic.table(scale=2)
MATRIX = synthetic.matrix(TABLE)
SPLIT = grouped_split(MATRIX.rows, seed=1)
QUICK = replace(TREES, trees=40)
PARTS = baselines.alone(MATRIX, SPLIT, seed=1, numbers=QUICK)


def _auroc(held: HeldOut, view: str) -> float:
    sample = held.static_sample() if view == "static" else held.behaviour_sample()
    return measure(sample, seed=1, rates=(), resamples=2).auroc.value


def test_alone__is_good_where_its_layer_is_and_blind_elsewhere() -> None:
    assert set(PARTS) == {Layer.METADATA, Layer.BEHAVIOUR, Layer.PROVENANCE}
    assert _auroc(PARTS[Layer.METADATA], "static") > 0.85
    assert _auroc(PARTS[Layer.BEHAVIOUR], "behaviour") > 0.85
    blind = PARTS[Layer.BEHAVIOUR].static
    for fold in SPLIT.folds:
        own = blind[list(fold.test)]
        assert len(set(own[~np.isnan(own)])) == 1


def test_weighted_sum__of_one_layer_ranks_as_that_layer() -> None:
    one = baselines.weighted_sum({Layer.METADATA: PARTS[Layer.METADATA]})
    assert _auroc(one, "static") == pytest.approx(_auroc(PARTS[Layer.METADATA], "static"))
    assert np.isnan(one.behaviour).all()


def test_weighted_sum__a_layer_without_weight_is_not_heard() -> None:
    weights = {Layer.METADATA: 50, Layer.BEHAVIOUR: 50, Layer.PROVENANCE: 0}
    found = baselines.weighted_sum(PARTS, weights)
    assert _auroc(found, "static") == pytest.approx(_auroc(PARTS[Layer.METADATA], "static"))
    known = found.real[~np.isnan(found.real)]
    assert ((known >= 0) & (known <= 1)).all()
    with pytest.raises(ValueInvalid, match="at least one layer"):
        baselines.weighted_sum({})


def test_logistic__learns_and_repeats() -> None:
    first, again = (held_out(MATRIX, SPLIT, baselines.logistic, seed=1) for _ in range(2))
    assert _auroc(first, "static") > 0.85
    np.testing.assert_array_equal(first.real, again.real)


def test_forest__scores_only_what_was_run_and_is_in_both_tables() -> None:
    half = Table(features=TABLE.features[:15], rows=())
    half = replace(
        half, rows=tuple(replace(row, values=row.values[:15]) for row in TABLE.rows[::2])
    )
    scores = baselines.forest(MATRIX, half, SPLIT, seed=1)
    ids = {row.id for row in half.rows}
    for row, score in zip(MATRIX.rows, scores, strict=True):
        assert np.isnan(score) == (row.id not in ids or row.population == "malware")


def test_held_out__each_row_is_scored_by_a_model_that_never_saw_its_group() -> None:
    trained: list[set[str]] = []

    def spy(composites: object, seed: int) -> object:
        trained.append(set(MATRIX.group[composites.static_of[composites.static_of >= 0]]))  # type: ignore[attr-defined]
        return boosted(numbers=QUICK)(composites, seed)  # type: ignore[arg-type]

    held_out(MATRIX, SPLIT, spy, seed=1)  # type: ignore[arg-type]
    tested = [{MATRIX.rows[at].group for at in fold.test} for fold in SPLIT.folds]
    # Folds are trained two at a time, so they may begin in either order.
    assert all(any(not groups & test for groups in trained) for test in tested)
    assert len(trained) == len(tested)
