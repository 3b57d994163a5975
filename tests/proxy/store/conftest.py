"""Both stores, opened as the tests want them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import FakeClock

Opener = Callable[..., Store]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pratique.sqlite"


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def opener(
    request: pytest.FixtureRequest, path: Path, clock: FakeClock
) -> AsyncIterator[Opener]:
    """Opens a store of either kind; opened again it is another instance on the same data."""
    opened: list[Store] = []

    def open_store(**options: int) -> Store:
        if request.param == "sqlite":
            opened.append(SqliteStore.open(path, clock=clock, **options))
        elif not opened:
            opened.append(MemoryStore(clock=clock, **options))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


@pytest_asyncio.fixture
async def sqlite_store(path: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(path, clock=clock)
    yield opened
    await opened.close()
