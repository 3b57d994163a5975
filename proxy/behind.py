"""Everything behind us, put together from the settings: upstreams, their pages, and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Protocol, Self

from models.artifact import IndexName, Sha256
from models.canonical import Digest
from models.clock import Clock
from models.errors import StoreError
from models.evidence import Evidence
from policies.modes import Mode
from policies.owned import OwnedNames
from proxy.artifacts.fetcher import FetchBounds, Fetcher
from proxy.artifacts.fetchers import Bytes, Fetchers, FolderFetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.departures import Departures
from proxy.index.cached import CachedIndex, PageShelf
from proxy.index.client import UpstreamBounds, UpstreamClient
from proxy.index.declared import Upstream
from proxy.index.folder import FolderSource
from proxy.index.kept import KeptIndex
from proxy.index.ownership import Ownership, nothing_owned
from proxy.index.port import PageSource
from proxy.index.upstream import UpstreamIndex
from proxy.index.upstreams import Upstreams
from proxy.simple.page import IndexFile
from proxy.store.origins_port import OriginsPort


class Shelf(PageShelf, OriginsPort, Protocol):
    """The part of the Store that is needed here."""

    async def latest_evidence(self, sha256: Sha256, filename: str) -> Evidence | None:
        """The newest evidence of a file."""

    async def blob(self, digest: Digest) -> bytes | None:
        """A blob by digest."""


class Behind:
    """All upstreams, as one index and one source of bytes. An async context manager."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        store: Shelf,
        artifacts: FolderArtifacts | None,
        *,
        clock: Clock,
        owned: Callable[[], OwnedNames] = nothing_owned,
        looked_up: Callable[[bool], None] = lambda _: None,
        departures: Departures | None = None,
    ) -> None:
        """`artifacts` None: pages alone are asked for, and no file is fetched.

        `departures` None: nothing is kept that an upstream took away.
        """
        self._store = store
        self._stack = AsyncExitStack()
        self._sources: list[UpstreamIndex] = []
        clients: dict[IndexName, UpstreamClient | None] = {}
        members: dict[IndexName, CachedIndex | KeptIndex] = {}
        self._cached: list[CachedIndex] = []
        fetchers: dict[IndexName, Bytes] = {}
        for one in upstreams:
            source = _source(one)
            index, cached = _pages(source, store, clock, looked_up, departures)
            self._cached.append(cached)
            members[one.name] = index
            clients[one.name] = None if isinstance(source, FolderSource) else source.client
            if not isinstance(source, FolderSource):
                self._sources.append(source)
            if artifacts is not None:
                fetchers[one.name] = _fetcher(one, source, index, artifacts)
        self.clients: Mapping[IndexName, UpstreamClient | None] = clients
        self.index = Upstreams(members, Ownership(upstreams, owned), store)
        self.fetchers = Fetchers(fetchers, read_before=self._read_before)

    async def __aenter__(self) -> Self:
        for source in self._sources:
            await source.start()
            self._stack.push_async_callback(source.close)
        for cached in self._cached:
            self._stack.push_async_callback(cached.close)
        self._stack.push_async_callback(self.fetchers.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _read_before(self, file: IndexFile) -> bytes | None:
        """The core metadata that an analysis of ours took out of a file; None where there is none."""
        if file.sha256 is None:
            return None
        try:
            evidence = await self._store.latest_evidence(file.sha256, file.filename)
            if evidence is None or evidence.metadata_digest is None:
                return None
            return await self._store.blob(evidence.metadata_digest)
        except StoreError:
            return None  # it is resolved without


def modes_of(upstreams: Sequence[Upstream]) -> dict[IndexName, Mode]:
    """How decisions about files of some upstreams act, where that is not for the policy to say."""
    return {one.name: one.mode for one in upstreams if one.mode is not None}


def _pages(
    source: PageSource,
    store: Shelf,
    clock: Clock,
    looked_up: Callable[[bool], None],
    departures: Departures | None,
) -> tuple[CachedIndex | KeptIndex, CachedIndex]:
    """(the layers over a source, the one of them that is to be closed)."""
    if departures is None:
        plain = CachedIndex(source, store, clock=clock, looked_up=looked_up)
        return plain, plain
    cached = CachedIndex(source, store, clock=clock, looked_up=looked_up, changed=departures.notice)
    return KeptIndex(cached, departures), cached


def _fetcher(
    upstream: Upstream,
    source: UpstreamIndex | FolderSource,
    index: CachedIndex | KeptIndex,
    artifacts: FolderArtifacts,
) -> Bytes:
    if isinstance(source, FolderSource):
        return FolderFetcher(index, source, artifacts, copies_max=upstream.downloads)
    bounds = FetchBounds(fetches_max=upstream.downloads)
    return Fetcher(index, source.client, artifacts, bounds=bounds)


def _source(upstream: Upstream) -> UpstreamIndex | FolderSource:
    if upstream.folder is not None:
        return FolderSource(upstream.name, upstream.folder)
    return UpstreamIndex(
        upstream.name,
        upstream.url,
        bounds=replace(UpstreamBounds(), read_s=float(upstream.timeout_s)),
        authorization=upstream.authorization,
    )
