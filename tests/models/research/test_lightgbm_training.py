"""The trainer: monotone, and the same bytes for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ValueInvalid
from models.research.composites import compose
from models.research.lightgbm_training import Boosted, boost
from tests.models.research import synthetic

MATRIX = synthetic.matrix(synthetic.table())


def _boost(seed: int = 3) -> Boosted:
    rows = compose(MATRIX, np.arange(len(MATRIX.rows)), seed=seed)
    return boost(
        rows.learned,
        rows.malicious,
        rows.weights,
        names=MATRIX.columns.learned,
        directions=MATRIX.columns.directions,
        seed=seed,
    )


MODEL = _boost()


def test_boost__the_same_seed_gives_the_same_bytes() -> None:
    assert _boost().text == MODEL.text
    assert _boost(seed=4).text != MODEL.text


@settings(max_examples=60)
@given(
    row=st.integers(0, len(MATRIX.rows) - 1),
    at=st.integers(0, len(MATRIX.columns.learned) - 1),
    more=st.floats(0.01, 1e6),
)
def test_boost__more_of_a_feature_never_moves_the_score_against_its_direction(
    row: int, at: int, more: float
) -> None:
    low = MATRIX.learned[row : row + 1].copy()
    if np.isnan(low[0, at]):
        low[0, at] = 0.0
    high = low.copy()
    high[0, at] += more
    direction = MATRIX.columns.directions[MATRIX.columns.learned[at]]
    rise = MODEL.raw(high)[0] - MODEL.raw(low)[0]
    assert rise * direction >= -1e-9


def test_boost__learns_what_parts_the_labels() -> None:
    static = MODEL.raw(MATRIX.static_view())
    malware, popular = MATRIX.population == "malware", MATRIX.population == "popular"
    assert static[malware].mean() > static[popular].mean() + 1


def test_boost__refuses_one_label() -> None:
    with pytest.raises(ValueInvalid, match="one label"):
        boost(
            np.zeros((4, 1)),
            np.zeros(4, dtype=np.bool_),
            np.ones(4),
            names=("a.b",),
            directions={"a.b": 1},
            seed=1,
        )
