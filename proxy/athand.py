"""A cache that has its last find at hand.

Whoever serves a request asks for the same thing several times in a row: the gate for its project,
the log for its decision. A look into cachetools' LRUCache is four calls of Python; this one is a
comparison.
"""

from __future__ import annotations

from typing import TypeVar, overload

from cachetools import LRUCache

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class AtHand(LRUCache[K, V]):
    """An LRUCache whose `get` answers a repeated question without looking.

    What was evicted, replaced or deleted is at hand no more. For values that are not None.
    """

    _last: tuple[K, V] | None = None

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: D) -> V | D: ...
    def get(self, key: K, /, default: D | None = None) -> V | D | None:
        """The value of `key`, or `default`."""
        last = self._last
        if last is not None and last[0] == key:
            return last[1]
        try:
            value = self[key]
        except KeyError:
            return default
        self._last = (key, value)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        """Keep `value`. Raises ValueError where it is larger than the whole cache."""
        self._last = None
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        """Let go of `key`, also to make room. Raises KeyError."""
        self._last = None
        super().__delitem__(key)

    def clear(self) -> None:
        """Let go of all."""
        self._last = None
        super().clear()
