"""Short ids of decisions that are in memory: each digest is computed once, at some 0.2 ms."""

from __future__ import annotations

from cachetools import LRUCache

from models.decision import Decision

IDS_MAX = 8_192
"""Decisions whose id is remembered."""


class DecisionIds:
    """The id of a decision, by the identity of the object: the gate hands out the same one."""

    def __init__(self) -> None:
        self._ids: LRUCache[int, tuple[Decision, str]] = LRUCache(IDS_MAX)

    def of(self, decision: Decision) -> str:
        """`decision.id`."""
        known = self._ids.get(id(decision))
        # The entry keeps its decision alive, so that no other object can take over its identity.
        if known is not None and known[0] is decision:
            return known[1]
        short = decision.id
        self._ids[id(decision)] = (decision, short)
        return short
