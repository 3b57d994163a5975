"""How many boxes fit, by cores and memory."""

from __future__ import annotations

import pytest

from analyzer.sandbox import capacity
from analyzer.sandbox.options import BOXES_MAX

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "available", "fits"),
    [
        (1, 64 * GIB, 1),
        (4, 64 * GIB, 4),
        (4, 3 * GIB, 3),
        (4, GIB - 1, 1),
        (4, 0, 1),
        (64, 640 * GIB, BOXES_MAX),
    ],
)
def test_fitting__one_a_core_as_far_as_memory_goes(cores: int, available: int, fits: int) -> None:
    assert capacity.fitting(cores, available, GIB) == fits


@pytest.mark.parametrize(
    ("text", "available"),
    [
        ("MemTotal: 8 kB\nMemAvailable:    2048 kB\n", 2048 * 1024),
        ("MemTotal: 8 kB\n", 0),
        ("MemAvailable: much\n", 0),
        ("", 0),
    ],
)
def test_available_bytes__what_the_kernel_says(text: str, available: int) -> None:
    assert capacity.available_bytes(text) == available


def test_boxes_that_fit__here() -> None:
    assert 1 <= capacity.boxes_that_fit() <= BOXES_MAX
    assert capacity.boxes_that_fit(1 << 60) == 1
