"""Shares are whole, near, and sum exactly."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from models.trust.shares import apportioned


@given(st.lists(st.floats(-5000, 5000), min_size=1, max_size=50))
def test_apportioned__sums_exactly_and_stays_near(values: list[float]) -> None:
    whole = round(math.fsum(values))
    values[0] += whole - math.fsum(values)
    shares = apportioned(values, whole)
    assert sum(shares) == whole
    assert all(abs(share - value) <= 1 for share, value in zip(shares, values, strict=True))
