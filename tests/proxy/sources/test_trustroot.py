"""The trust root: bundled, renewed where asked for, and never lost for want of a network."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from analyzer.provenance.trust import bundled_root
from proxy.sources.trustroot import RETRY, TrustRoots
from tests.proxy.index.local import local_upstream
from tests.proxy.sources.asked import NOW, Clock


async def test_current__without_a_folder_nothing_is_asked() -> None:
    async with local_upstream() as upstream:
        roots = TrustRoots(clock=Clock(), tuf_url=upstream.url)
        assert await roots.current() is bundled_root()
        assert upstream.seen == []


async def test_current__a_repository_that_fails_leaves_the_bundled_root_and_is_asked_later(
    tmp_path: Path,
) -> None:
    async with local_upstream() as upstream:
        clock = Clock()
        roots = TrustRoots(clock=clock, folder=tmp_path, tuf_url=upstream.url.rstrip("/"))
        assert await roots.current() is bundled_root()
        asked = len(upstream.seen)
        assert asked > 0
        assert await roots.current() is bundled_root()
        assert len(upstream.seen) == asked
        clock.now = NOW + RETRY + timedelta(seconds=1)
        assert await roots.current() is bundled_root()
        assert len(upstream.seen) > asked
