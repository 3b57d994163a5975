"""However the upstream behaves: either the announced bytes, or an error and nothing kept."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from packaging.utils import canonicalize_name
from structlog.testing import capture_logs

from models.artifact import ArtifactRef, Sha256, parse_index_name, parse_ref
from models.clock import utc_now
from models.errors import (
    Overloaded,
    UpstreamError,
    UpstreamHashMismatch,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from proxy.artifacts.fetcher import FetchBounds, Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.index.cached import CachedIndex
from proxy.index.port import Ahead
from proxy.index.upstream import UpstreamIndex
from proxy.store.memory import MemoryStore
from tests.proxy.index.local import (
    HASTY,
    Handler,
    LocalUpstream,
    answer,
    stalling,
    truncated,
)
from tests.proxy.web.decided import until

MAIN = parse_index_name("main")
DEMO = canonicalize_name("demo")
WHEEL = "demo-1.0-py3-none-any.whl"
PATH = f"/files/{WHEEL}"
DATA = bytes(range(256)) * 40
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


@dataclass(frozen=True, kw_only=True)
class Bench:
    fetcher: Fetcher
    artifacts: FolderArtifacts
    root: Path
    index: CachedIndex

    def kept(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


@asynccontextmanager
async def bench_of(
    upstream: LocalUpstream,
    root: Path,
    *,
    bounds: FetchBounds | None = None,
    bytes_max: int = 10**9,
) -> AsyncIterator[Bench]:
    source = UpstreamIndex(MAIN, upstream.url, bounds=HASTY)
    await source.start()
    index = CachedIndex(source, MemoryStore(clock=utc_now), clock=utc_now)
    artifacts = FolderArtifacts(root, bytes_max=bytes_max)
    fetcher = Fetcher(index, source.client, artifacts, bounds=bounds)
    try:
        yield Bench(fetcher=fetcher, artifacts=artifacts, root=root, index=index)
    finally:
        await fetcher.close()
        await index.close()
        await source.close()


def ref_of(sha256: str, filename: str = WHEEL) -> ArtifactRef:
    return parse_ref("main", "demo", sha256, filename)


async def test_ensure__finds_a_file_by_its_ref_on_an_empty_store(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path) as bench:
        path = await bench.fetcher.ensure(ref_of(sha256))
        assert path.read_bytes() == DATA
        assert await bench.fetcher.ensure(ref_of(sha256)) == path
    assert upstream.paths() == ["/simple/demo/", PATH]
    assert upstream.seen[1].headers["Accept-Encoding"] == "identity"


async def test_ensure__what_is_stored_needs_no_upstream(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path) as bench:
        await bench.fetcher.ensure(ref_of(sha256))
        seen = len(upstream.seen)
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA
    assert len(upstream.seen) == seen


async def test_ensure__a_file_newer_than_the_cached_page_is_found(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    upstream.add("demo-0.1.tar.gz", b"old")
    async with bench_of(upstream, tmp_path) as bench:
        await bench.index.project(DEMO)
        sha256 = upstream.add(WHEEL, DATA)
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA


async def test_ensure__a_file_that_is_not_listed_is_not_found(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path) as bench:
        with pytest.raises(UpstreamNotFound):
            await bench.fetcher.ensure(ref_of("ab" * 32))
        assert bench.kept() == []


async def test_ensure_ahead__whoever_asks_meanwhile_joins(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path) as bench:
        ref = ref_of(sha256)
        ahead, path = await asyncio.gather(
            bench.fetcher.ensure_ahead(ref), bench.fetcher.ensure(ref)
        )
        assert (ahead, path.read_bytes()) == (Ahead.FETCHED, DATA)
        assert await bench.fetcher.ensure_ahead(ref) is Ahead.AT_HAND
    assert upstream.paths().count(PATH) == 1


async def test_ensure_ahead__is_dropped_while_half_of_the_places_are_taken(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    upstream.always[PATH] = upstream.hang
    slow = ref_of(upstream.add(WHEEL, DATA))
    other = ref_of(upstream.add("demo-2.0-py3-none-any.whl", b"other"), "demo-2.0-py3-none-any.whl")
    async with bench_of(upstream, tmp_path, bounds=FetchBounds(fetches_max=2)) as bench:
        requester = asyncio.create_task(bench.fetcher.ensure(slow))
        await until(lambda: PATH in upstream.paths())
        assert await bench.fetcher.ensure_ahead(other) is Ahead.BUSY
        requester.cancel()
        assert upstream.paths().count("/files/demo-2.0-py3-none-any.whl") == 0


async def test_ensure__many_requesters_share_one_download(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path) as bench:
        paths = await asyncio.gather(*(bench.fetcher.ensure(ref_of(sha256)) for _ in range(20)))
    assert len(set(paths)) == 1
    assert upstream.paths().count(PATH) == 1


async def test_ensure__a_download_outlives_a_cancelled_requester(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        begun.set()
        await go_on.wait()
        return await answer(DATA)(request)

    upstream.always[PATH] = slow
    async with bench_of(upstream, tmp_path) as bench:
        requester = asyncio.create_task(bench.fetcher.ensure(ref_of(sha256)))
        await begun.wait()
        requester.cancel()
        with pytest.raises(asyncio.CancelledError):
            await requester
        go_on.set()
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA
    assert upstream.paths().count(PATH) == 1


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (answer(b"x" * len(DATA)), UpstreamHashMismatch),
        (answer(DATA + b"more"), UpstreamTooLarge),
        (answer(DATA[:-1]), UpstreamUnavailable),
        (answer(b""), UpstreamUnavailable),
        (answer(status=404), UpstreamNotFound),
        (answer(status=500), UpstreamUnavailable),
        (answer(status=403), UpstreamInvalid),
        (answer(status=302, headers={"Location": "ftp://files.test/x"}), UpstreamInvalid),
        (answer(gzip.compress(DATA), headers={"Content-Encoding": "gzip"}), UpstreamInvalid),
        (truncated(DATA[:100], announced=len(DATA)), UpstreamUnavailable),
        (
            answer(DATA, status=206, headers={"Content-Range": "bytes 0-9/10"}),
            UpstreamUnavailable,
        ),
    ],
)
async def test_ensure__a_failing_or_lying_upstream_leaves_nothing_behind(
    upstream: LocalUpstream, tmp_path: Path, handler: Handler, error: type[UpstreamError]
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.always[PATH] = handler
    async with bench_of(upstream, tmp_path) as bench:
        with pytest.raises(error):
            await bench.fetcher.ensure(ref_of(sha256))
        assert bench.kept() == []
        assert bench.artifacts.path(Sha256(sha256)) is None


async def test_ensure__a_lie_about_the_hash_is_logged_and_not_asked_for_twice(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.always[PATH] = answer(b"x" * len(DATA))
    async with bench_of(upstream, tmp_path) as bench:
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(UpstreamHashMismatch):
                    await bench.fetcher.ensure(ref_of(sha256))
    assert upstream.paths().count(PATH) == 1
    assert [entry["event"] for entry in logs] == ["artifact_hash_mismatched"]


async def test_ensure__a_download_that_breaks_off_is_mended(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.first[PATH] = [truncated(DATA[:4_000], announced=len(DATA))]
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA
    assert upstream.paths().count(PATH) == 2


async def test_ensure__a_stalled_download_goes_on_where_it_stopped(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.first[PATH] = [stalling(DATA[:4_000], upstream, announced=len(DATA))]
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA
    assert upstream.seen[-1].headers["Range"] == "bytes=4000-"


@pytest.mark.parametrize(
    "second",
    [
        answer(DATA),
        answer(status=416),
        answer(DATA[5:], status=206, headers={"Content-Range": "bytes 5-9/10"}),
        answer(b"x" * (len(DATA) - 10), status=206, headers={"Content-Range": "bytes 10-"}),
    ],
)
async def test_ensure__an_upstream_that_cannot_resume_is_asked_for_the_whole(
    upstream: LocalUpstream, tmp_path: Path, second: Handler
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.first[PATH] = [stalling(DATA[:10], upstream, announced=len(DATA)), second]
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA


async def test_ensure__follows_a_redirect_to_a_file_store(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.always[PATH] = answer(status=302, headers={"Location": "/blob/1"})
    upstream.files["/blob/1"] = DATA
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure(ref_of(sha256))).read_bytes() == DATA


async def test_ensure_url__an_unannounced_size_has_a_bound_of_its_own(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = Sha256(upstream.add(WHEEL, DATA))
    url = upstream.url.replace("/simple/", PATH)
    async with bench_of(upstream, tmp_path, bounds=FetchBounds(file_bytes_max=100)) as bench:
        for size in (None, 0, len(DATA)):
            with pytest.raises(UpstreamTooLarge):
                await bench.fetcher.ensure_url(sha256, url, size)
    async with bench_of(upstream, tmp_path) as bench:
        assert (await bench.fetcher.ensure_url(sha256, url, 0)).read_bytes() == DATA


async def test_ensure_url__a_full_disk_is_overloaded(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    async with bench_of(upstream, tmp_path, bytes_max=100) as bench:
        with pytest.raises(Overloaded):
            await bench.fetcher.ensure(ref_of(sha256))
    assert PATH not in upstream.paths()


async def test_ensure_url__too_many_at_once_is_overloaded_and_few_run_together(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    bounds = FetchBounds(fetches_max=1, flights_max=2)
    names = [f"demo-{number}.0-py3-none-any.whl" for number in range(3)]
    digests = [Sha256(upstream.add(name, name.encode())) for name in names]
    running = 0
    most = 0

    def counting(name: str) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return await answer(name.encode())(request)

        return handler

    for name in names:
        upstream.always[f"/files/{name}"] = counting(name)
    async with bench_of(upstream, tmp_path, bounds=bounds) as bench:
        results = await asyncio.gather(
            *(
                bench.fetcher.ensure_url(digest, upstream.url.replace("/simple/", path), None)
                for digest, path in zip(digests, (f"/files/{name}" for name in names), strict=True)
            ),
            return_exceptions=True,
        )
    assert [type(result) for result in results[2:]] == [Overloaded]
    assert all(isinstance(result, Path) for result in results[:2])
    assert most == 1


async def test_ensure__too_slow_altogether_is_unavailable(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    upstream.always[PATH] = upstream.hang
    bounds = FetchBounds(file_total_s=0.05)
    async with bench_of(upstream, tmp_path, bounds=bounds) as bench:
        with pytest.raises(UpstreamUnavailable):
            await bench.fetcher.ensure(ref_of(sha256))
        assert bench.kept() == []


def announced(data: bytes) -> dict[str, object]:
    return {"core_metadata": {"sha256": hashlib.sha256(data).hexdigest()}}


async def test_metadata__is_passed_on_where_it_matches_its_announced_hash(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA, **announced(METADATA))
    upstream.files[f"{PATH}.metadata"] = METADATA
    async with bench_of(upstream, tmp_path) as bench:
        assert await bench.fetcher.metadata(ref_of(sha256)) == METADATA
        assert await bench.fetcher.metadata(ref_of(sha256)) == METADATA
    assert upstream.paths().count(f"{PATH}.metadata") == 1


async def test_metadata__that_was_damaged_on_disk_comes_again(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA, **announced(METADATA))
    upstream.files[f"{PATH}.metadata"] = METADATA
    async with bench_of(upstream, tmp_path) as bench:
        await bench.fetcher.metadata(ref_of(sha256))
        (kept,) = bench.kept()
        kept.chmod(0o644)
        kept.write_bytes(b"Metadata-Version: 9.9\n")
        assert await bench.fetcher.metadata(ref_of(sha256)) == METADATA
    assert upstream.paths().count(f"{PATH}.metadata") == 2


@pytest.mark.parametrize(
    ("keys", "served", "error"),
    [
        (announced(b"other"), METADATA, UpstreamHashMismatch),
        (announced(METADATA), None, UpstreamNotFound),
        ({}, METADATA, UpstreamNotFound),
        ({"core_metadata": True}, METADATA, UpstreamNotFound),
    ],
)
async def test_metadata__unverified_is_never_passed_on(
    upstream: LocalUpstream,
    tmp_path: Path,
    keys: dict[str, object],
    served: bytes | None,
    error: type[UpstreamError],
) -> None:
    sha256 = upstream.add(WHEEL, DATA, **keys)
    if served is not None:
        upstream.files[f"{PATH}.metadata"] = served
    async with bench_of(upstream, tmp_path) as bench:
        with pytest.raises(error):
            await bench.fetcher.metadata(ref_of(sha256))
        assert bench.kept() == []


@pytest.mark.parametrize(
    ("keys", "handler", "expected"),
    [
        ({}, answer(METADATA), METADATA),
        (announced(METADATA), answer(METADATA), METADATA),
        (announced(b"other"), answer(METADATA), None),
        ({}, answer(status=404), None),
        ({}, answer(status=403), None),
        ({}, answer(status=206), None),
        ({}, answer(b"x" * 101), None),
    ],
)
async def test_metadata_for_resolution__is_given_or_is_not(
    upstream: LocalUpstream,
    tmp_path: Path,
    keys: dict[str, object],
    handler: Handler,
    expected: bytes | None,
) -> None:
    upstream.add(WHEEL, DATA, **keys)
    upstream.always[f"{PATH}.metadata"] = handler
    bounds = FetchBounds(metadata_bytes_max=100)
    async with bench_of(upstream, tmp_path, bounds=bounds) as bench:
        (file,) = (await bench.index.project(DEMO)).files
        for _ in range(2):
            assert await bench.fetcher.metadata_for_resolution(file) == expected
        assert bench.kept() == [], "unverified bytes are not kept on disk"
    assert upstream.paths().count(f"{PATH}.metadata") == 1


async def test_metadata_for_resolution__what_a_client_asked_for_is_not_fetched_again(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA, **announced(METADATA))
    upstream.files[f"{PATH}.metadata"] = METADATA
    async with bench_of(upstream, tmp_path) as bench:
        assert await bench.fetcher.metadata(ref_of(sha256)) == METADATA
        (file,) = (await bench.index.project(DEMO)).files
        assert await bench.fetcher.metadata_for_resolution(file) == METADATA
    assert upstream.paths().count(f"{PATH}.metadata") == 1


async def test_metadata_for_resolution__an_upstream_that_is_down_is_told(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    upstream.add(WHEEL, DATA)
    upstream.always[f"{PATH}.metadata"] = answer(status=500)
    async with bench_of(upstream, tmp_path) as bench:
        (file,) = (await bench.index.project(DEMO)).files
        with pytest.raises(UpstreamUnavailable):
            await bench.fetcher.metadata_for_resolution(file)


async def test_close__ends_a_download_and_leaves_nothing(
    upstream: LocalUpstream, tmp_path: Path
) -> None:
    sha256 = upstream.add(WHEEL, DATA)
    begun = asyncio.Event()

    async def hanging(request: web.Request) -> web.StreamResponse:
        begun.set()
        return await upstream.hang(request)

    upstream.always[PATH] = hanging
    async with bench_of(upstream, tmp_path) as bench:
        requester = asyncio.create_task(bench.fetcher.ensure(ref_of(sha256)))
        await begun.wait()
        await bench.fetcher.close()
        with pytest.raises(asyncio.CancelledError):
            await requester
        assert bench.kept() == []
