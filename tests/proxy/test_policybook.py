"""Policies are kept before anything names them."""

from __future__ import annotations

import pytest

from models.canonical import Digest
from models.errors import StoreError
from proxy.policybook import REMEMBERED_MAX, PolicyBook
from proxy.store.memory import MemoryStore
from tests.models.examples import ref
from tests.policies.examples import policy
from tests.proxy.judge.examples import Room, Turning


class Counting(MemoryStore):
    """Counts writes, and fails while told to."""

    def __init__(self) -> None:
        super().__init__(clock=Turning())
        self.writes = 0
        self.broken = False

    async def put_policy(self, digest: Digest, text: str) -> None:
        if self.broken:
            raise StoreError("broken")
        self.writes += 1
        await super().put_policy(digest, text)


async def test_keep__writes_each_policy_once() -> None:
    store = Counting()
    book = PolicyBook(store)
    for text in ("", "minimum_age_hours = 1", "", "minimum_age_hours = 1"):
        await book.keep(policy(text))
    assert store.writes == 2
    assert await store.policy(policy().digest) == policy().text


async def test_keep__remembers_a_bounded_number() -> None:
    store = Counting()
    book = PolicyBook(store)
    for hours in range(REMEMBERED_MAX + 1):
        await book.keep(policy(f"minimum_age_hours = {hours}"))
    await book.keep(policy("minimum_age_hours = 0"))
    assert store.writes == REMEMBERED_MAX + 2


async def test_keep__forgets_nothing_by_a_failed_write() -> None:
    store = Counting()
    book = PolicyBook(store)
    store.broken = True
    with pytest.raises(StoreError):
        await book.keep(policy())
    store.broken = False
    await book.keep(policy())
    assert store.writes == 1


async def test_hearing__keeps_the_policy_before_the_decision_that_names_it() -> None:
    store = Counting()
    room = Room(store=store)
    await room.observe()
    store.broken = True
    with pytest.raises(StoreError):
        await room.desk.judge_ref(ref())
    assert await store.decision_of(ref()) is None
    store.broken = False
    decision = await room.desk.judge_ref(ref())
    assert await store.policy(decision.policy_digest) == room.policy.text
