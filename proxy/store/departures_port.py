"""The store's part in going on where an index does not: files that it ceased to list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from proxy.admin.events import Event

DEPARTURE_BYTES_MAX = 64 * 1024
"""Bytes of one entry as a page of one file; most have some 600."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A file that its index lists no more."""

    ref: ArtifactRef
    since: datetime
    """When that was noticed."""
    entry: bytes
    """What the index last said of it: a JSON page (PEP 691) of this one file."""


class DeparturesPort(Protocol):
    """What the store keeps of them."""

    async def depart(self, gone: Sequence[Departure], *, telling: Sequence[Event] = ()) -> None:
        """Keep files that went, and tell of it, in one transaction; raise their projects' generation.

        One that is known to be gone stays as it is, and where all are nothing is told.
        """

    async def came_back(self, refs: Sequence[ArtifactRef]) -> int:
        """Forget files that are listed again; how many were known. Raises their generation."""

    async def departures(self, index: IndexName, project: NormalizedName) -> tuple[Departure, ...]:
        """Those of a project, the longest gone first."""

    async def departed_bytes(self) -> frozenset[Sha256]:
        """The digests of all: no upstream can give these bytes again."""
