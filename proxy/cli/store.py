"""The store, opened for one command: as the data folder's owner, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from models.clock import utc_now
from models.errors import StoreError
from proxy.privileges import become_owner_of
from proxy.settings import Settings
from proxy.store.bounds import DATABASE
from proxy.store.port import Store
from proxy.store.sqlite import SqliteStore

Result = TypeVar("Result")


def with_store(settings: Settings, work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Run `work` with the store of `settings.data_dir`; raises StoreError where there is none yet."""
    become_owner_of(settings.data_dir)
    path = settings.data_dir / DATABASE
    try:
        if not settings.data_dir.is_dir():
            settings.data_dir.mkdir(parents=True, mode=0o750)
    except OSError as error:
        raise StoreError(
            f"The data folder {settings.data_dir} cannot be made: {error.strerror}.",
            next_step="Name another with --data-dir, or run the command as root.",
        ) from error

    return _run(lambda: SqliteStore.open(path, clock=utc_now), work)


def with_store_to_read(settings: Settings, work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Run `work` with the store of `settings.data_dir`, which nothing makes, upgrades or writes.

    It may be in use by `pratique serve`, also by an older one. Raises StoreError where there is none.
    """
    become_owner_of(settings.data_dir)
    path = settings.data_dir / DATABASE
    return _run(lambda: SqliteStore.look(path, clock=utc_now), work)


def _run(opened: Callable[[], Store], work: Callable[[Store], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        store = opened()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
