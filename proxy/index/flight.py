"""One task for any number of requesters, which outlives each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from models.errors import Overloaded

Key = TypeVar("Key")
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """Whoever asks for a key that is under way joins; a cancelled requester cancels nobody."""

    def __init__(self, *, flights_max: int, what: str) -> None:
        """`flights_max` bounds the keys under way at once; `what` names them in the error."""
        self._flights_max = flights_max
        self._what = what
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    async def run(self, key: Key, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The value of `make()`, shared. Raises what it raises, and Overloaded at the bound."""
        return await asyncio.shield(self.task(key, make))

    def task(self, key: Key, make: Callable[[], Coroutine[Any, Any, Value]]) -> asyncio.Task[Value]:
        """The task under way for `key`, begun if there is none. Raises Overloaded at the bound."""
        flight = self._flights.get(key)
        if flight is not None:
            return flight
        if len(self._flights) >= self._flights_max:
            raise Overloaded(
                f"There are already {self._flights_max} {self._what} under way.",
                next_step="Try again in a moment; if it stays so, look at the upstream's speed.",
            )
        flight = asyncio.create_task(make())
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def __len__(self) -> int:
        return len(self._flights)

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        for flight in flights:
            with suppress(asyncio.CancelledError, Exception):
                await flight

    def _landed(self, key: Key, flight: asyncio.Task[Value]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # Everyone may have left: nobody need hear of it.
