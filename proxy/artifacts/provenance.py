"""Provenance objects (PEP 740) as upstream has them, for clients that verify them themselves."""

from __future__ import annotations

from collections.abc import Mapping

from cachetools import TTLCache

from analyzer.provenance.verification import PROVENANCE_BYTES_MAX
from models.artifact import ArtifactRef, IndexName
from models.errors import UpstreamInvalid, UpstreamNotFound
from proxy.index.client import UpstreamClient, read_bounded
from proxy.index.flight import SingleFlight
from proxy.simple.page import IndexFile
from proxy.sources.provenance import MEDIA_TYPE, attestation_url

TOTAL_S = 10.0
"""Seconds for one object; a client waits for it."""
KEPT_S = 600
"""Seconds that an object is kept: an index may add attestations to it (PEP 740)."""
KEPT_BYTES_MAX = 16 * 1024 * 1024
FLIGHTS_MAX = 64
"""Objects that are fetched at once."""


class ProvenanceObjects:
    """Fetched from the index's own host or that of the file, whole and bounded; never redirected to."""

    def __init__(self, clients: Mapping[IndexName, UpstreamClient | None]) -> None:
        """`clients` are the upstreams' (None: a folder); their owner starts and closes them."""
        self._clients = dict(clients)
        self._kept: TTLCache[tuple[IndexName, str], bytes] = TTLCache(
            KEPT_BYTES_MAX, KEPT_S, getsizeof=len
        )
        self._fetches: SingleFlight[tuple[IndexName, str], bytes] = SingleFlight(
            flights_max=FLIGHTS_MAX, what="provenance fetches"
        )

    async def of(self, ref: ArtifactRef, entry: IndexFile) -> bytes:
        """The object that `entry` announces. Raises UpstreamNotFound, or another UpstreamError."""
        client = self._clients.get(ref.index)
        if client is None or not isinstance(entry.extra.get("provenance"), str):
            raise UpstreamNotFound(f"The upstream announces no provenance of {ref.filename}.")
        key = (ref.index, attestation_url(entry, client.url))
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        return await self._fetches.run(key, lambda: self._fetch(client, key))

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._fetches.close()

    async def _fetch(self, client: UpstreamClient, key: tuple[IndexName, str]) -> bytes:
        async with client.get(
            key[1], total_s=TOTAL_S, headers={"Accept": MEDIA_TYPE}, keep_host=True
        ) as answer:
            if answer.status != 200:
                raise UpstreamInvalid("The upstream answered provenance with an odd status.")
            data = await read_bounded(answer, bytes_max=PROVENANCE_BYTES_MAX)
        self._kept[key] = data
        return data
