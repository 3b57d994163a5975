"""Policy documents, for both stores alike."""

from __future__ import annotations

import pytest

from models.canonical import Digest
from models.errors import StoreConflict, StoreError
from proxy.store.policy_port import COMMENT_CHARS_MAX
from proxy.store.port import Store

ONE, OTHER = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)


async def test_put_policy_document__the_newest_is_in_force_and_all_are_kept(store: Store) -> None:
    assert await store.policy_document() is None
    first = await store.put_policy_document(ONE, "a", actor="alice", comment="why", expected=0)
    second = await store.put_policy_document(OTHER, "b", actor="bob", comment="", expected=1)
    assert (first.number, second.number) == (1, 2)
    assert await store.policy_document() == second
    assert await store.policy_documents() == (second, first)
    assert await store.policy_documents(before=2) == (first,)
    assert await store.policy_documents(limit=1) == (second,)
    assert [(row.action, row.actor) for row in await store.audit()] == [
        ("policy_set", "bob"),
        ("policy_set", "alice"),
    ]


async def test_put_policy_document__of_two_at_once_one_is_told(store: Store) -> None:
    first = await store.put_policy_document(ONE, "a", actor="alice", comment="", expected=0)
    with pytest.raises(StoreConflict, match="Policy 1 is in force by now"):
        await store.put_policy_document(OTHER, "b", actor="bob", comment="", expected=0)
    assert await store.policy_document() == first
    assert len(await store.audit()) == 1


async def test_put_policy_document__is_bounded(store: Store) -> None:
    long = "x" * (COMMENT_CHARS_MAX + 1)
    with pytest.raises(StoreError):
        await store.put_policy_document(ONE, "a", actor="alice", comment=long, expected=0)
    assert await store.policy_document() is None
