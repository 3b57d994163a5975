"""The bytes of several upstreams: each is asked by its own fetcher, with its own credentials and limits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Protocol

import structlog
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256, parse_sha256
from models.errors import UpstreamHashMismatch, UpstreamNotFound, UpstreamTooLarge
from proxy.artifacts.fetcher import FETCHES_MAX, FILE_BYTES_MAX, FLIGHTS_MAX, METADATA_BYTES_MAX
from proxy.artifacts.folder import FolderArtifacts
from proxy.index.flight import SingleFlight
from proxy.index.folder import METADATA_SUFFIX, FolderSource
from proxy.index.port import Ahead
from proxy.simple.page import IndexFile, ProjectPage, split_place

LOG = structlog.get_logger()

CHUNK_BYTES = 1024 * 1024


class Bytes(Protocol):
    """What brings the files of one upstream: a Fetcher, or a FolderFetcher."""

    async def ensure(self, ref: ArtifactRef) -> Path:
        """The file of a ref."""

    async def ensure_url(self, sha256: Sha256, url: str, size: int | None) -> Path:
        """The file of that digest from `url`."""

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        """Have the file of a ref at hand before anybody asks for it."""

    async def metadata(self, ref: ArtifactRef) -> bytes:
        """The core metadata that upstream announces with a sha256. Raises UpstreamNotFound."""

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """Core metadata good enough to choose dependencies by."""

    async def close(self) -> None:
        """Cancel what is under way."""


async def _nothing_read(_: IndexFile) -> bytes | None:
    return None


class Fetchers:
    """All upstreams' files, by where a file comes from."""

    def __init__(
        self,
        by_index: Mapping[IndexName, Bytes],
        *,
        read_before: Callable[[IndexFile], Awaitable[bytes | None]] = _nothing_read,
    ) -> None:
        """`read_before` knows the core metadata that our own analysis took out of a file.

        Private indexes seldom announce any.
        """
        self._by_index = dict(by_index)
        self._read_before = read_before

    async def ensure(self, ref: ArtifactRef) -> Path:
        """The file of a ref, from the upstream that it names. Raises as `Fetcher.ensure`."""
        return await self._of(ref.index).ensure(ref)

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        """Have a file at hand before anybody asks for it. Raises as `Fetcher.ensure`."""
        return await self._of(ref.index).ensure_ahead(ref)

    async def ensure_url(self, sha256: Sha256, place: str, size: int | None) -> Path:
        """The file at an `IndexFile.place`. Raises as `Fetcher.ensure_url`."""
        index, url = split_place(place)
        return await self._of(index).ensure_url(sha256, url, size)

    async def metadata(self, ref: ArtifactRef) -> bytes:
        """Verified core metadata. Raises as `Fetcher.metadata`."""
        return await self._of(ref.index).metadata(ref)

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """Core metadata good enough to choose dependencies by. Raises UpstreamError."""
        data = await self._of(file.index).metadata_for_resolution(file)
        return data if data is not None else await self._read_before(file)

    async def close(self) -> None:
        """Cancel what is under way."""
        for one in self._by_index.values():
            await one.close()

    def _of(self, index: IndexName) -> Bytes:
        found = self._by_index.get(index)
        if found is None and len(self._by_index) == 1 and not index:
            (found,) = self._by_index.values()  # it was resolved before there were several
        if found is None:
            raise UpstreamNotFound(f"There is no upstream called {index}.")
        return found


class Pages(Protocol):
    """Where a file's place is looked up: a CachedIndex over the folder."""

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page."""

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The page as the folder has it now."""


class FolderFetcher:
    """Copies files out of a folder: what it returns has the digest asked for, and changes no more."""

    def __init__(
        self,
        index: Pages,
        source: FolderSource,
        artifacts: FolderArtifacts,
        *,
        copies_max: int = FETCHES_MAX,
    ) -> None:
        self._index = index
        self._source = source
        self._artifacts = artifacts
        self._slots = asyncio.Semaphore(copies_max)
        self._files: SingleFlight[Sha256, Path] = SingleFlight(
            flights_max=FLIGHTS_MAX, what="copies"
        )

    async def ensure(self, ref: ArtifactRef) -> Path:
        """The file of a ref. Raises UpstreamNotFound, UpstreamError, Overloaded, StoreError."""
        path = self._artifacts.path(ref.sha256)
        if path is not None:
            return path
        file = await self._listed(ref)
        return await self.ensure_url(ref.sha256, file.url, file.size)

    async def ensure_url(self, sha256: Sha256, url: str, size: int | None) -> Path:
        """The file of that digest at a URL of the folder's pages. Raises as `ensure`."""
        path = self._artifacts.path(parse_sha256(sha256))
        if path is not None:
            return path
        return await self._files.run(sha256, lambda: self._copy(sha256, url, size))

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        """Have the file of a ref at hand before anybody asks for it. Raises as `ensure`."""
        if self._artifacts.path(ref.sha256) is not None:
            return Ahead.AT_HAND
        await self.ensure(ref)
        return Ahead.FETCHED

    async def metadata(self, ref: ArtifactRef) -> bytes:
        """What lies beside a wheel, as it was announced. Raises UpstreamNotFound where nothing does."""
        file = await self._listed(ref)
        data = await self.metadata_for_resolution(file)
        if data is None:
            raise UpstreamNotFound(f"The folder has no metadata of {ref.filename}.")
        return data

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """What lies beside a wheel; None where nothing does, or it is not what was announced."""
        if not isinstance(file.core_metadata, str):
            return None
        data = await asyncio.to_thread(self._read, file.url + METADATA_SUFFIX)
        if hashlib.sha256(data).hexdigest() != file.core_metadata:
            LOG.warning("metadata_hash_mismatched", filename=file.filename)
            return None
        return data

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._files.close()

    async def _listed(self, ref: ArtifactRef) -> IndexFile:
        page = await self._index.project(ref.project)
        file = page.file(ref.filename, ref.sha256)
        if file is None:
            file = (await self._index.refresh(ref.project)).file(ref.filename, ref.sha256)
        if file is None:
            raise UpstreamNotFound(f"The folder has no {ref.filename} with that sha256.")
        return file

    def _read(self, url: str) -> bytes:
        with self._source.open(url) as file:
            return file.read(METADATA_BYTES_MAX)

    async def _copy(self, sha256: Sha256, url: str, size: int | None) -> Path:
        async with self._slots:
            path = await asyncio.to_thread(self._copied, sha256, url, size)
        LOG.info("artifact_fetched", sha256=sha256, size_bytes=path.stat().st_size)
        return path

    def _copied(self, sha256: Sha256, url: str, size: int | None) -> Path:
        with self._source.open(url) as file, self._artifacts.begin(size) as partial:
            for chunk in iter(lambda: _chunk(file), b""):
                if partial.received + len(chunk) > FILE_BYTES_MAX:
                    raise UpstreamTooLarge(f"A file is at most {FILE_BYTES_MAX} bytes.")
                partial.write(chunk)
            if not partial.matches(sha256):
                raise UpstreamHashMismatch(
                    "The file in the folder is not the one that was listed any more.",
                    next_step="Put files there under another name first, and rename them when whole.",
                )
            return partial.keep(sha256)


def _chunk(file: BufferedReader) -> bytes:
    return file.read(CHUNK_BYTES)
