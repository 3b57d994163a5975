"""Tries are counted for each name, and forgotten."""

from __future__ import annotations

import pytest

from models.errors import Overloaded
from proxy.web.throttle import Throttle
from tests.proxy.web.decided import StillClock


def test_throttle__a_name_has_so_many_tries_and_another_its_own() -> None:
    throttle = Throttle(2, clock=StillClock())
    for _ in range(2):
        throttle.check("a")
        throttle.count("a")
    with pytest.raises(Overloaded) as caught:
        throttle.check("a")
    assert "300 seconds" in caught.value.next_step
    throttle.check("b")


def test_throttle__the_window_begins_with_the_first_try() -> None:
    clock = StillClock()
    throttle = Throttle(2, clock=clock, window_s=60)
    throttle.count("a")
    clock.forward(50)
    throttle.count("a")
    with pytest.raises(Overloaded):
        throttle.check("a")
    clock.forward(11)
    throttle.check("a")


def test_throttle__a_clock_that_is_set_back_locks_nobody_out() -> None:
    clock = StillClock()
    throttle = Throttle(1, clock=clock, window_s=60)
    throttle.count("a")
    clock.forward(-3600)
    throttle.check("a")
