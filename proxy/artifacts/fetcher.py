"""Bytes from upstream into the folder: fetched once, verified whole, whoever asks or leaves."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from cachetools import LRUCache, TTLCache
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256, parse_sha256
from models.errors import (
    ArtifactDamaged,
    UpstreamError,
    UpstreamHashMismatch,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from proxy.artifacts.folder import FolderArtifacts, Partial
from proxy.index.client import Answer, UpstreamClient, read_bounded
from proxy.index.flight import SingleFlight
from proxy.index.port import Ahead
from proxy.simple.page import IndexFile, ProjectPage

LOG = structlog.get_logger()

FILE_BYTES_MAX = 2 * 1024**3
"""Bytes of one artifact; the largest public wheels (GPU builds) are below 1.5 GB."""
FILE_TOTAL_S = 900.0
"""Seconds one download may take with all its tries: 2 GiB at 2.4 MB/s."""
CHUNK_BYTES = 256 * 1024
"""Read from upstream and written to the disk at a time."""
FETCHES_MAX = 8
"""Downloads that run at once against one upstream."""
FLIGHTS_MAX = 256
"""Downloads that run or wait their turn; beyond it the proxy says that it is overloaded."""
METADATA_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one core metadata file; it holds a readme, seldom above 200 KB."""
METADATA_TOTAL_S = 30.0
"""Seconds for one core metadata file."""
METADATA_FETCHES_MAX = 16
"""Metadata files that are fetched at once for resolution; large downloads must not starve them."""
METADATA_KEPT = 1_024
"""Unannounced metadata files kept in memory for resolution."""
METADATA_KEPT_BYTES_MAX = 32 * 1024 * 1024
METADATA_ABSENT = 8_192
"""Files remembered to have no metadata."""
METADATA_ABSENT_S = 600
"""Seconds that this is believed; an index may extract metadata a while after the upload."""
MISMATCH_S = 60
"""Seconds that a wrong digest is remembered, so that a lie is not downloaded once per request."""
MISMATCHES_MAX = 1_024

_IDENTITY = {"Accept-Encoding": "identity"}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBounds:
    """How much is fetched at once, and how large."""

    file_bytes_max: int = FILE_BYTES_MAX
    file_total_s: float = FILE_TOTAL_S
    fetches_max: int = FETCHES_MAX
    flights_max: int = FLIGHTS_MAX
    metadata_bytes_max: int = METADATA_BYTES_MAX
    mismatch_s: int = MISMATCH_S


class Pages(Protocol):
    """Where a file's URL is looked up: a CachedIndex."""

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A project's page."""

    async def refresh(self, project: NormalizedName) -> ProjectPage:
        """The page as upstream has it now."""


class Fetcher:
    """Brings artifacts and their metadata from upstream. What it returns has the digest asked for."""

    def __init__(
        self,
        index: Pages,
        client: UpstreamClient,
        artifacts: FolderArtifacts,
        *,
        bounds: FetchBounds | None = None,
    ) -> None:
        """`client` is the upstream's (`UpstreamIndex.client`); its owner starts and closes it."""
        self._index = index
        self._client = client
        self._artifacts = artifacts
        self._bounds = bounds or FetchBounds()
        self._slots = asyncio.Semaphore(self._bounds.fetches_max)
        self._metadata_slots = asyncio.Semaphore(METADATA_FETCHES_MAX)
        self._files: SingleFlight[Sha256, Path] = SingleFlight(
            flights_max=self._bounds.flights_max, what="downloads"
        )
        self._metadata: SingleFlight[str, bytes | None] = SingleFlight(
            flights_max=self._bounds.flights_max, what="metadata downloads"
        )
        self._mismatches: TTLCache[tuple[Sha256, str], str] = TTLCache(
            maxsize=MISMATCHES_MAX, ttl=self._bounds.mismatch_s
        )
        self._absent: TTLCache[str, bool] = TTLCache(maxsize=METADATA_ABSENT, ttl=METADATA_ABSENT_S)
        self._unannounced: LRUCache[str, bytes] = LRUCache(
            maxsize=METADATA_KEPT_BYTES_MAX,
            getsizeof=lambda data: len(data) + METADATA_KEPT_BYTES_MAX // METADATA_KEPT,
        )

    async def ensure(self, ref: ArtifactRef) -> Path:
        """The file of a ref; on an empty store the ref alone is enough to find it again.

        Raises UpstreamNotFound where the index no longer lists it, another UpstreamError,
        Overloaded, or StoreError.
        """
        path = self._artifacts.path(ref.sha256)
        if path is not None:
            return path
        file = await self._listed(ref)
        return await self.ensure_url(ref.sha256, file.url, file.size)

    async def ensure_url(self, sha256: Sha256, url: str, size: int | None) -> Path:
        """The file of that digest from `url`; `size` None or 0: not announced. Raises as `ensure`."""
        path = self._artifacts.path(parse_sha256(sha256))
        if path is not None:
            return path
        remembered = self._mismatches.get((sha256, url))
        if remembered is not None:
            raise UpstreamHashMismatch(remembered)
        return await self._files.run(sha256, lambda: self._download(sha256, url, size or None))

    async def ensure_ahead(self, ref: ArtifactRef) -> Ahead:
        """Have a file at hand before anybody asks for it, unless half of the places are taken.

        Raises as `ensure`.
        """
        if self._artifacts.path(ref.sha256) is not None:
            return Ahead.AT_HAND
        if len(self._files) * 2 >= self._bounds.fetches_max:
            return Ahead.BUSY
        await self.ensure(ref)
        return Ahead.FETCHED

    async def metadata(self, ref: ArtifactRef) -> bytes:
        """The core metadata that upstream announces with a sha256, verified against it.

        Raises UpstreamNotFound where none is announced, and as `ensure` otherwise.
        """
        file = await self._listed(ref)
        announced = file.core_metadata
        if not isinstance(announced, str):
            raise UpstreamNotFound(f"The upstream announces no metadata of {ref.filename}.")
        sha256 = parse_sha256(announced)
        url = f"{file.url}.metadata"
        path = await self.ensure_url(sha256, url, None)
        data = await asyncio.to_thread(_read, path, self._bounds.metadata_bytes_max)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        LOG.error("artifact_damaged", sha256=sha256)
        await asyncio.to_thread(self._artifacts.remove, sha256)
        path = await self.ensure_url(sha256, url, None)
        data = await asyncio.to_thread(_read, path, self._bounds.metadata_bytes_max)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ArtifactDamaged("The stored metadata of this file does not have its sha256.")
        return data

    async def metadata_for_resolution(self, file: IndexFile) -> bytes | None:
        """Core metadata good enough to choose dependencies by; None where upstream has none.

        Where no digest is announced the bytes are unverified: they must reach no client, and are
        not kept on disk. Raises UpstreamError.
        """
        kept = self._unannounced.get(file.url)
        if kept is not None or file.url in self._absent:
            return kept
        data = await self._metadata.run(file.url, lambda: self._download_metadata(file))
        if data is None:
            self._absent[file.url] = True
        else:
            self._unannounced[file.url] = data
        return data

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._files.close()
        await self._metadata.close()

    async def _listed(self, ref: ArtifactRef) -> IndexFile:
        """The file's entry; upstream is asked anew where the page at hand does not list it."""
        project = NormalizedName(ref.project)
        page = await self._index.project(project)
        file = page.file(ref.filename, ref.sha256)
        if file is None:
            page = await self._index.refresh(project)
            file = page.file(ref.filename, ref.sha256)
        if file is None:
            raise UpstreamNotFound(f"The upstream lists no {ref.filename} with that sha256.")
        return file

    async def _download(self, sha256: Sha256, url: str, size: int | None) -> Path:
        if size is not None and size > self._bounds.file_bytes_max:
            raise _too_large(self._bounds.file_bytes_max)
        async with self._slots, self._artifacts.alone(sha256):
            path_now = self._artifacts.path(sha256)
            if path_now is not None:
                return path_now  # another process was faster
            try:
                with self._artifacts.begin(size) as file:
                    async with asyncio.timeout(self._bounds.file_total_s):
                        await self._client.retrying(lambda: self._attempt(file, sha256, url, size))
                    path = await asyncio.to_thread(file.keep, sha256)
            except TimeoutError as error:
                raise UpstreamUnavailable("The upstream sent a file too slowly.") from error
            except UpstreamHashMismatch as error:
                LOG.error("artifact_hash_mismatched", sha256=sha256)
                self._mismatches[sha256, url] = error.message
                raise
        LOG.info("artifact_fetched", sha256=sha256, size_bytes=file.received)
        return path

    async def _attempt(self, file: Partial, sha256: Sha256, url: str, size: int | None) -> None:
        """One try, which goes on where the last one broke off, if upstream can do that."""
        begun = file.received
        headers = dict(_IDENTITY)
        if begun:
            headers["Range"] = f"bytes={begun}-"
        async with self._client.get(
            url,
            total_s=self._bounds.file_total_s,
            headers=headers,
            keep_https=False,
            raw=True,
        ) as answer:
            await self._place_at(file, answer, begun)
            await self._stream(file, answer, size)
        await self._check(file, sha256, size, resumed=bool(begun) and file.received > begun)

    async def _place_at(self, file: Partial, answer: Answer, begun: int) -> None:
        """Make the file end where the answer begins."""
        if answer.header("Content-Encoding") not in {"", "identity"}:
            raise UpstreamInvalid(
                "The upstream sends a file in an encoding that was not asked for."
            )
        if answer.status == 206:
            match = _CONTENT_RANGE.match(answer.header("Content-Range"))
            if begun and match is not None and int(match[1]) == begun:
                return
        elif answer.status == 200:
            await asyncio.to_thread(file.restart)
            return
        await asyncio.to_thread(file.restart)
        raise UpstreamUnavailable("The upstream did not resume a broken download properly.")

    async def _stream(self, file: Partial, answer: Answer, size: int | None) -> None:
        bytes_max = self._bounds.file_bytes_max if size is None else size
        announced = answer.response.content_length
        if announced is not None and file.received + announced > bytes_max:
            raise _too_large(bytes_max)
        async for chunk in answer.response.content.iter_chunked(CHUNK_BYTES):
            if file.received + len(chunk) > bytes_max:
                raise _too_large(bytes_max)
            await asyncio.to_thread(file.write, chunk)

    async def _check(
        self, file: Partial, sha256: Sha256, size: int | None, *, resumed: bool
    ) -> None:
        if size is not None and file.received < size:
            raise UpstreamUnavailable("The upstream sent a file that is shorter than announced.")
        if file.matches(sha256):
            return
        if resumed:
            # Perhaps the two halves are of different files: once more, in one piece.
            await asyncio.to_thread(file.restart)
            raise UpstreamUnavailable("A resumed download does not have the announced sha256.")
        raise UpstreamHashMismatch(
            "The upstream sent bytes that do not have the announced sha256; they were thrown away.",
            next_step="Do not install this file; tell the operator of the upstream.",
        )

    async def _download_metadata(self, file: IndexFile) -> bytes | None:
        bytes_max = self._bounds.metadata_bytes_max
        if isinstance(file.core_metadata, str):  # a client may have asked for it already
            path = self._artifacts.path(parse_sha256(file.core_metadata))
            if path is not None:
                return await asyncio.to_thread(_read, path, bytes_max)

        async def attempt() -> bytes:
            async with self._client.get(f"{file.url}.metadata", total_s=METADATA_TOTAL_S) as answer:
                if answer.status != 200:
                    raise UpstreamInvalid("The upstream answered metadata with an odd status.")
                return await read_bounded(answer, bytes_max=bytes_max)

        async with self._metadata_slots:
            try:
                data = await self._client.retrying(attempt)
            except (UpstreamNotFound, UpstreamInvalid, UpstreamTooLarge):
                return None
        announced = file.core_metadata
        if isinstance(announced, str) and hashlib.sha256(data).hexdigest() != announced:
            LOG.error("metadata_hash_mismatched", filename=file.filename)
            return None
        return data


def _read(path: Path, bytes_max: int) -> bytes:
    if path.stat().st_size > bytes_max:
        raise _too_large(bytes_max)
    return path.read_bytes()


def _too_large(bytes_max: int) -> UpstreamError:
    return UpstreamTooLarge(f"The upstream announces or sends more than {bytes_max} bytes.")
