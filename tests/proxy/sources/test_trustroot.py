"""The trust root: bundled, renewed where asked for, and never lost for want of a network."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from analyzer.provenance.trust import ROOT_FILE, bundled, bundled_root
from proxy.sources.trustroot import RENEW, RETRY, TrustRoots
from tests.proxy.index.local import answer, local_upstream
from tests.proxy.sources.asked import NOW, Clock
from tests.proxy.sources.tufrepo import repository


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


async def test_current__a_root_that_tuf_vouches_for_takes_the_place_of_the_bundled_one(
    tmp_path: Path,
) -> None:
    older = json.loads(bundled(ROOT_FILE).read_bytes())
    older["tlogs"] = older["tlogs"][:1]
    bootstrap, files = repository(ROOT_FILE, json.dumps(older).encode())
    async with local_upstream() as upstream:
        for path, data in files.items():
            upstream.always[f"/simple/{path}"] = answer(data)
        clock = Clock()
        roots = TrustRoots(
            clock=clock, folder=tmp_path, tuf_url=upstream.url.rstrip("/"), bootstrap=bootstrap
        )
        renewed = await roots.current()
        assert len(renewed.log_ids) == 1
        clock.now = NOW + RENEW - timedelta(seconds=1)
        asked = len(upstream.seen)
        assert await roots.current() is renewed
        assert len(upstream.seen) == asked


async def test_current__a_root_that_tuf_does_not_vouch_for_is_not_taken(tmp_path: Path) -> None:
    bootstrap, files = repository(ROOT_FILE, bundled(ROOT_FILE).read_bytes())
    async with local_upstream() as upstream:
        for path, data in files.items():
            changed = data.replace(b"tlogs", b"slogt") if path.startswith("targets/") else data
            upstream.always[f"/simple/{path}"] = answer(changed)
        roots = TrustRoots(
            clock=Clock(), folder=tmp_path, tuf_url=upstream.url.rstrip("/"), bootstrap=bootstrap
        )
        assert await roots.current() is bundled_root()
