"""Several overrides in one step, for both stores alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.errors import StoreConflict, ValueInvalid
from proxy.store.port import Store
from tests.proxy.store.values import make_override


async def test_add_overrides__all_of_them_or_none(store: Store) -> None:
    first, second = make_override("o1"), make_override("o2", project="other")
    await store.add_overrides((first, second))
    assert await store.overrides() == (first, second)
    assert [row.action for row in await store.audit()] == ["override_added"] * 2
    generation = await store.generation()
    third = make_override("o3", project="third")
    with pytest.raises(StoreConflict):
        await store.add_overrides((third, replace(second, justification="another")))
    with pytest.raises(ValueInvalid):
        await store.add_overrides((third, replace(third, id="o4", project=None)))
    assert await store.overrides() == (first, second)
    assert await store.generation() == generation
    await store.add_overrides((first,))
    assert len(await store.audit()) == 2
