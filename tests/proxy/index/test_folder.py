"""A folder as an upstream: what lies there is listed, hashed once, and copied whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from packaging.utils import canonicalize_name

from models.artifact import IndexName, Sha256, parse_ref
from models.clock import utc_now
from models.errors import UpstreamHashMismatch, UpstreamNotFound, UpstreamUnavailable
from proxy.artifacts.fetchers import Fetchers, FolderFetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.demo.packages import build_wheel
from proxy.index.cached import CachedIndex
from proxy.index.folder import FolderSource
from proxy.store.memory import MemoryStore

OWN = IndexName("own")
TOOLS = canonicalize_name("acme-tools")
WHEEL = "acme_tools-1.0-py3-none-any.whl"
SDIST = "acme_tools-1.1.tar.gz"


@dataclass
class Bench:
    folder: Path
    source: FolderSource
    index: CachedIndex
    fetchers: Fetchers

    def put(self, place: str, data: bytes = b"bytes") -> Path:
        path = self.folder / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    async def names(self) -> list[str]:
        return sorted(file.filename for file in (await self.index.refresh(TOOLS)).files)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    folder = tmp_path / "wheels"
    folder.mkdir()
    source = FolderSource(OWN, folder)
    index = CachedIndex(source, MemoryStore(clock=utc_now), clock=utc_now)
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    fetchers = Fetchers({OWN: FolderFetcher(index, source, artifacts)})
    yield Bench(folder, source, index, fetchers)
    await fetchers.close()
    await index.close()


async def test_page__lists_what_lies_there_with_its_hash(bench: Bench) -> None:
    bench.put(WHEEL, b"wheel")
    bench.put(f"releases/{SDIST}", b"sdist")
    for other in ("README.txt", ".hidden-1.0.tar.gz", "other-1.0.tar.gz", "acme_tools-one.whl"):
        bench.put(other)
    page = await bench.index.project(TOOLS)
    files = {file.filename: file for file in page.files}
    assert (sorted(files), page.index) == ([WHEEL, SDIST], OWN)
    assert files[WHEEL].sha256 == hashlib.sha256(b"wheel").hexdigest()
    assert (files[SDIST].size, files[SDIST].index) == (5, OWN)
    assert await bench.source.projects() == ("acme-tools", "other")
    with pytest.raises(UpstreamNotFound):
        await bench.index.project(canonicalize_name("nobody"))


async def test_page__follows_the_folder(bench: Bench) -> None:
    bench.put(WHEEL)
    assert await bench.names() == [WHEEL]
    bench.put(f"below/{SDIST}")
    assert await bench.names() == [WHEEL, SDIST]
    (bench.folder / WHEEL).unlink()
    assert await bench.names() == [SDIST]


async def test_page__an_unchanged_folder_is_told_by_its_etag_and_not_hashed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(WHEEL)
    first = await bench.source.fetch(TOOLS)

    def never(*_: object) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr(hashlib, "file_digest", never)
    again = await bench.source.fetch(TOOLS, etag=first.etag)
    assert (again.unchanged, again.body) == (True, b"")


async def test_links_and_pipes__are_not_seen(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"secret")
    (bench.folder / WHEEL).symlink_to(outside)
    (bench.folder / "below").symlink_to(tmp_path)
    os.mkfifo(bench.folder / SDIST)
    with pytest.raises(UpstreamNotFound):
        await bench.index.project(TOOLS)
    for place in (WHEEL, SDIST, "below/secret", "../secret", "..%2Fsecret", "below/../secret", ""):
        with pytest.raises(UpstreamNotFound):
            bench.source.open(f"https://folder.invalid/{place}")


async def test_folder_gone__is_an_outage_and_no_absence(bench: Bench) -> None:
    bench.folder.rmdir()
    with pytest.raises(UpstreamUnavailable, match="The folder of own cannot be read"):
        await bench.source.fetch(TOOLS)
    with pytest.raises(UpstreamUnavailable):
        await bench.source.projects()


async def test_ensure__copies_once_and_survives_the_folder(bench: Bench) -> None:
    path = bench.put(WHEEL, b"wheel")
    sha256 = Sha256(hashlib.sha256(b"wheel").hexdigest())
    ref = parse_ref(OWN, TOOLS, sha256, WHEEL)
    assert (await bench.fetchers.ensure(ref)).read_bytes() == b"wheel"
    path.unlink()
    assert (await bench.fetchers.ensure(ref)).read_bytes() == b"wheel"


async def test_ensure__a_file_that_became_another_is_not_served(bench: Bench) -> None:
    path = bench.put(WHEEL, b"wheel")
    (file,) = (await bench.index.project(TOOLS)).files
    assert file.sha256 is not None
    path.write_bytes(b"other")
    with pytest.raises(UpstreamHashMismatch, match="not the one that was listed"):
        await bench.fetchers.ensure_url(file.sha256, file.place, file.size)


async def test_metadata__beside_a_wheel_is_announced_and_served_as_announced(bench: Bench) -> None:
    built = build_wheel("acme-tools", "1.0", {"acme_tools.py": ""})
    assert built.metadata is not None
    bench.put(built.filename, built.data)
    (file,) = (await bench.index.refresh(TOOLS)).files
    assert file.core_metadata is False
    beside = bench.put(f"{built.filename}.metadata", built.metadata)
    (file,) = (await bench.index.refresh(TOOLS)).files
    assert file.core_metadata == hashlib.sha256(built.metadata).hexdigest()
    ref = parse_ref(OWN, TOOLS, built.sha256, built.filename)
    assert await bench.fetchers.metadata(ref) == built.metadata
    beside.write_bytes(b"Name: other")
    with pytest.raises(UpstreamNotFound):
        await bench.fetchers.metadata(ref)


async def test_place__of_another_upstream_is_not_asked_here(bench: Bench) -> None:
    with pytest.raises(UpstreamNotFound, match="no upstream called pypi"):
        await bench.fetchers.ensure_url(Sha256("0" * 64), "pypi https://x.invalid/a.whl", 1)
