"""Core metadata of a file (PEP 658, 714): upstream's own where its hash is announced, else ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice

from aiohttp import web
from cachetools import LRUCache

from models.artifact import ArtifactKind, ArtifactRef, Sha256, parse_sha256
from models.canonical import DIGEST_PREFIX, Digest, digest_of_bytes
from models.decision import Decision
from models.errors import StoreError, UpstreamError, UpstreamNotFound, UpstreamTooLarge
from proxy.simple.page import IndexFile
from proxy.web.delivery import IMMUTABLE
from proxy.web.door import METADATA_BYTES_MAX, Door
from proxy.web.representation import tagged

METADATA_FILE_BYTES_MAX = 1024 * 1024
"""Bytes of one METADATA file; the largest on PyPI (a long README) is about 600 KiB."""
KNOWN_MAX = 65_536
"""Evidence whose metadata digest is remembered."""
LOOKUPS_MAX = 500
"""Evidence that is looked up for one page; wheels beyond it are listed without metadata."""


class MetadataSource:
    """Finds the metadata of a file; who may have it was decided before."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._cache: LRUCache[tuple[str, str], bytes] = LRUCache(METADATA_BYTES_MAX, getsizeof=len)
        self._digests: LRUCache[Digest, Digest | None] = LRUCache(KNOWN_MAX)

    async def known(self, decisions: Iterable[Decision]) -> Mapping[Sha256, Sha256]:
        """The wheels whose metadata we have stored: sha256 of the wheel → sha256 of its metadata.

        Only these may be announced: advertised and not there stops pip and uv (FACTS 1.4).
        """
        found: dict[Sha256, Sha256] = {}
        wheels = (d for d in decisions if d.evidence_digest and d.ref.filename.endswith(".whl"))
        try:
            for decision in islice(wheels, LOOKUPS_MAX):
                digest = await self._digest(decision)
                if digest is not None:
                    found[decision.ref.sha256] = parse_sha256(digest.removeprefix(DIGEST_PREFIX))
        except StoreError:
            return found  # a page without them is a page all the same
        return found

    async def get(self, ref: ArtifactRef, entry: IndexFile | None) -> bytes:
        """The bytes, as announced on the page. Raises UpstreamNotFound where there are none."""
        announced = entry.core_metadata if entry is not None else False
        key = (ref.key, str(announced))
        data = self._cache.get(key)
        if data is None:
            if isinstance(announced, str):
                data = await self._announced(ref, announced)
            else:
                data = await self._from_evidence(ref)
            if len(data) > METADATA_FILE_BYTES_MAX:
                raise UpstreamTooLarge("The metadata file is larger than any real one.")
            self._cache[key] = data
        return data

    async def read_of(self, ref: ArtifactRef) -> bytes:
        """What our own analysis read in a file of either kind. Raises UpstreamNotFound, StoreError.

        For our own use: of an sdist it is what its author meant, and only a build would tell.
        """
        stored = self._door.gate.stored(ref)
        digest = None if stored is None else await self._digest(stored)
        data = await self._door.store.blob(digest) if digest else None
        if data is None or digest_of_bytes(data) != digest:
            raise UpstreamNotFound("Nothing was read in this file.")
        return data

    def response(self, request: web.Request, data: bytes) -> web.Response:
        """The bytes, with a validator; immutable, as the URL names the file by its sha256."""
        return tagged(request, data, "application/octet-stream", cache_control=IMMUTABLE)

    async def _announced(self, ref: ArtifactRef, sha256: str) -> bytes:
        """The bytes of that digest: upstream's, or the same out of the file where upstream fails."""
        try:
            return await self._door.fetcher.metadata(ref)
        except UpstreamError:
            ours = await self._from_evidence(ref)
            if hashlib.sha256(ours).hexdigest() != sha256:
                raise
            return ours

    async def _from_evidence(self, ref: ArtifactRef) -> bytes:
        """What a reader box took out of these very bytes; only wheels have it."""
        if ref.kind is ArtifactKind.WHEEL:
            return await self.read_of(ref)
        raise UpstreamNotFound("There is no metadata of this file apart from the file.")

    async def _digest(self, decision: Decision) -> Digest | None:
        """The digest of the metadata that the decision's evidence holds."""
        key = decision.evidence_digest
        if key is None:
            return None
        if key not in self._digests:
            evidence = await self._door.store.evidence(key)
            if evidence is None:
                return None
            self._digests[key] = evidence.metadata_digest
        return self._digests[key]
