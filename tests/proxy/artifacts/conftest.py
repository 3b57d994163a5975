"""An upstream on loopback for every test that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.proxy.index.local import LocalUpstream, local_upstream


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[LocalUpstream]:
    async with local_upstream() as running:
        yield running
