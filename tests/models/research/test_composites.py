"""Training rows: halves in their places, and gaps that tell nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import ValueInvalid
from models.research.composites import MALICIOUS_SHARE, NOBODY, RECIPES, Pattern, compose
from models.research.matrix import Matrix
from models.research.rows import Population, Table
from tests.models.research import synthetic


def _all(matrix: Matrix) -> np.ndarray:
    return np.arange(len(matrix.rows))


def test_compose__each_pattern_holds_the_same_malicious_share() -> None:
    matrix = synthetic.matrix(synthetic.table())
    made = compose(matrix, _all(matrix), seed=1)
    for pattern in Pattern:
        own = made.pattern == pattern.value
        share = made.weights[own & made.malicious].sum() / made.weights[own].sum()
        assert share == pytest.approx(MALICIOUS_SHARE)
    assert made.weights.sum() == pytest.approx(len(made.weights))
    assert (made.weights > 0).all()


def test_compose__makes_every_recipe_and_puts_its_halves_where_they_belong() -> None:
    matrix = synthetic.matrix(synthetic.table())
    made = compose(matrix, _all(matrix), seed=1)
    assert set(made.recipe) == {recipe.name for recipe in RECIPES}
    for places, of in (
        (matrix.static_places, made.static_of),
        (matrix.behaviour_places, made.behaviour_of),
    ):
        there = of != NOBODY
        assert np.isnan(made.learned[np.ix_(~there, places)]).all()
        np.testing.assert_array_equal(
            made.learned[np.ix_(there, places)], matrix.learned[np.ix_(of[there], places)]
        )


def test_compose__never_learns_from_the_archive_around_a_re_enactment() -> None:
    matrix = synthetic.matrix(synthetic.table())
    made = compose(matrix, _all(matrix), seed=1)
    given = matrix.population[made.static_of[made.static_of != NOBODY]]
    assert not {Population.GRAFT.value, Population.TWIN.value} & set(given)


def test_compose__uses_only_the_rows_that_it_was_given() -> None:
    matrix = synthetic.matrix(synthetic.table())
    rows = _all(matrix)[::2]
    made = compose(matrix, rows, seed=1)
    used = set(made.static_of) | set(made.behaviour_of)
    assert used - {NOBODY} <= set(rows.tolist())


def test_compose__is_that_of_its_seed() -> None:
    matrix = synthetic.matrix(synthetic.table())
    first, same, other = (compose(matrix, _all(matrix), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.learned, same.learned)
    np.testing.assert_array_equal(first.weights, same.weights)
    assert not np.array_equal(first.behaviour_of, other.behaviour_of)


def test_compose__leaves_out_a_pattern_that_only_one_label_has() -> None:
    table = synthetic.table()
    rows = tuple(row for row in table.rows if row.population is not Population.GRAFT)
    matrix = synthetic.matrix(replace(table, rows=rows))
    made = compose(matrix, _all(matrix), seed=1)
    assert set(made.pattern) == {Pattern.FULL.value, Pattern.STATIC.value}


def test_compose__refuses_rows_of_one_label() -> None:
    table = synthetic.table()
    rows = tuple(row for row in table.rows if not row.malicious)
    matrix = synthetic.matrix(Table(features=table.features, rows=rows))
    with pytest.raises(ValueInvalid, match="nothing can be learned"):
        compose(matrix, _all(matrix), seed=1)


def test_compose__a_large_campaign_counts_by_its_root() -> None:
    matrix = synthetic.matrix(synthetic.table())
    made = compose(matrix, _all(matrix), seed=1)
    own = made.recipe == "malware, not run"
    groups = matrix.group[made.static_of[own]]
    names, sizes = np.unique(groups, return_counts=True)
    of = {name: made.weights[own][groups == name].sum() for name in names}
    each = [of[name] / np.sqrt(size) for name, size in zip(names, sizes, strict=True)]
    assert np.allclose(each, each[0])
