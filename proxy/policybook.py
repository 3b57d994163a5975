"""Every policy that a decision rests on is kept by its digest, so that the decision can be replayed."""

from __future__ import annotations

from models.canonical import Digest
from policies.policy import Policy
from proxy.store.port import Store

REMEMBERED_MAX = 64
"""Digests that are known to be kept; beyond it the oldest is written once more, which changes nothing."""


class PolicyBook:
    """Writes a policy once in the life of a process, and then answers from memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Digest, None] = {}

    async def keep(self, policy: Policy) -> None:
        """Keep `policy` before anything that names it is stored. Raises StoreError."""
        if policy.digest in self._kept:
            return
        await self._store.put_policy(policy.digest, policy.text)
        while len(self._kept) >= REMEMBERED_MAX:
            self._kept.pop(next(iter(self._kept)))
        self._kept[policy.digest] = None
