"""One task for many; bounded; nobody's cancellation is another's."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import Overloaded
from proxy.index.flight import SingleFlight


async def forever() -> int:
    await asyncio.Event().wait()
    return 0


async def failing() -> int:
    raise ValueError("no")


async def test_run__at_the_bound_is_overloaded() -> None:
    flights: SingleFlight[str, int] = SingleFlight(flights_max=1, what="things")
    flights.task("a", forever)
    assert flights.task("a", forever) is flights.task("a", forever)
    with pytest.raises(Overloaded):
        flights.task("b", forever)
    await flights.close()
    assert len(flights) == 0


async def test_run__a_failure_is_told_to_all_and_then_forgotten() -> None:
    flights: SingleFlight[str, int] = SingleFlight(flights_max=1, what="things")
    results = await asyncio.gather(
        flights.run("a", failing), flights.run("a", failing), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert len(flights) == 0
