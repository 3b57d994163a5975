"""The port's contract for what is remembered of projects, held against both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from models.errors import StoreError
from proxy.store import memory
from proxy.store.bounds import MEMORY_CHARS_MAX
from proxy.store.port import MemoryKind, Remembered, Store
from proxy.store.sql import memory as sql_memory
from tests.proxy.store.conftest import Opener
from tests.proxy.store.values import LOCAL, PYPI, START, name, sha

LATER = START + timedelta(days=3)
DEMO = name("demo")
ROWS = 3


def seen(file: str = "one", value: str = "a", days: int = 0) -> Remembered:
    at = START + timedelta(days=days)
    return Remembered(
        index=PYPI,
        project=DEMO,
        kind=MemoryKind.PUBLISHER,
        sha256=sha(file),
        value=value,
        first_seen=at,
        last_seen=at,
    )


async def all_of(store: Store) -> tuple[Remembered, ...]:
    return await store.remembered(PYPI, DEMO, MemoryKind.PUBLISHER)


async def test_remember__is_kept_over_a_restart_and_told_in_order(opener: Opener) -> None:
    store = opener()
    second, first = seen("two", days=1), seen("one")
    await store.remember(second)
    await store.remember(first)
    assert await all_of(opener()) == (first, second)


async def test_remember__the_same_value_again_only_moves_last_seen_forward(store: Store) -> None:
    await store.remember(seen(days=1))
    await store.remember(seen(days=5))
    await store.remember(seen(days=2))
    kept = replace(seen(days=1), last_seen=START + timedelta(days=5))
    assert await all_of(store) == (kept,)


async def test_remember__what_a_file_came_with_stands(store: Store) -> None:
    await store.remember(seen(value="a"))
    await store.remember(seen(value="b", days=9))
    assert await all_of(store) == (seen(value="a"),)


async def test_remembered__is_apart_by_index_project_and_kind(store: Store) -> None:
    await store.remember(seen())
    await store.remember(replace(seen(), kind=MemoryKind.OWNERS, value="o"))
    await store.remember(replace(seen(), index=LOCAL, value="l"))
    await store.remember(replace(seen(), project=name("other"), value="p"))
    assert [row.value for row in await all_of(store)] == ["a"]
    assert await store.remembered(PYPI, name("unknown"), MemoryKind.PUBLISHER) == ()


async def test_remember__a_value_beyond_its_bound_is_refused(store: Store) -> None:
    await store.remember(seen(value="x" * MEMORY_CHARS_MAX))
    with pytest.raises(StoreError):
        await store.remember(seen("two", value="x" * (MEMORY_CHARS_MAX + 1)))
    assert len(await all_of(store)) == 1


async def test_remember__of_many_files_those_seen_last_are_kept(store: Store) -> None:
    with (
        patch.object(memory, "MEMORY_ROWS_MAX", ROWS),
        patch.object(sql_memory, "MEMORY_ROWS_MAX", ROWS),
    ):
        for days, file in enumerate(("one", "two", "three")):
            await store.remember(seen(file, days=days))
        await store.remember(seen("one", days=7))
        await store.remember(seen("four", days=8))
    assert [row.sha256 for row in await all_of(store)] == [sha("one"), sha("three"), sha("four")]
