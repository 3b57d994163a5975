"""Bounded places, per client and in all; whoever finds none free is told to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import Overloaded


class Slots:
    """`what` names the thing in the message, as in: Too many transfers."""

    def __init__(self, what: str, *, in_all_max: int, per_client_max: int) -> None:
        self._what = what
        self._in_all_max = in_all_max
        self._per_client_max = per_client_max
        self._by_client: dict[str, int] = {}
        self._in_all = 0

    @property
    def in_all(self) -> int:
        """Places taken."""
        return self._in_all

    def enter(self, client: str) -> None:
        """Take a place. Raises Overloaded."""
        of_client = self._by_client.get(client, 0)
        if self._in_all >= self._in_all_max or of_client >= self._per_client_max:
            raise Overloaded(f"Too many {self._what} at once.", next_step="Try again in a minute.")
        self._in_all += 1
        self._by_client[client] = of_client + 1

    def leave(self, client: str) -> None:
        """Give a place back."""
        of_client = self._by_client.pop(client) - 1
        self._in_all -= 1
        if of_client > 0:
            self._by_client[client] = of_client

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """A place for as long as the block lasts. Raises Overloaded."""
        self.enter(client)
        try:
            yield
        finally:
            self.leave(client)
