"""LightGBM behind its door: margins, contributions, and what is no model."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ArtefactInvalid
from models.trust.booster import Booster
from tests.models.trust.shelved import COLUMNS, NAME, model_text

BOOSTER = Booster(model_text(), name=NAME)
VALUES = st.one_of(st.integers(0, 5).map(float), st.just(math.nan))
ROWS = st.lists(VALUES, min_size=len(COLUMNS.names), max_size=len(COLUMNS.names))


@given(ROWS)
def test_contributions__sum_to_the_margin(row: list[float]) -> None:
    parts = BOOSTER.contributions(row)
    assert len(parts) == len(row) + 1
    assert math.fsum(parts) == pytest.approx(BOOSTER.margin(row), abs=1e-9)


@given(ROWS, st.integers(0, len(COLUMNS.names) - 1))
def test_margin__more_of_a_feature_never_lowers_it(row: list[float], at: int) -> None:
    if math.isnan(row[at]):
        row[at] = 0
    more = [*row[:at], row[at] + 1, *row[at + 1 :]]
    assert BOOSTER.margin(more) >= BOOSTER.margin(row)


def test_booster__its_columns_are_named_and_its_threads_bounded() -> None:
    assert BOOSTER.features == COLUMNS.names
    assert os.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("text", [b"", b"tree\n", b"\xff\xfe", model_text()[:200]])
def test_booster__what_is_no_model_is_refused(text: bytes) -> None:
    with pytest.raises(ArtefactInvalid) as caught:
        Booster(text, name=NAME)
    assert caught.value.next_step
