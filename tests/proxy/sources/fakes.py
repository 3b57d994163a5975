"""Fakes of what sources ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from models.errors import UpstreamUnavailable
from proxy.sources.background import Background


@dataclass
class FakeBackgrounds:
    """Knows what it was given; `asked` holds every question in order."""

    known: Mapping[NormalizedName, Background] = field(default_factory=dict)
    broken: frozenset[NormalizedName] = frozenset()
    asked: list[NormalizedName] = field(default_factory=list)

    async def of(self, project: NormalizedName) -> Background | None:
        self.asked.append(project)
        if project in self.broken:
            raise UpstreamUnavailable("The upstream is away.")
        return self.known.get(project)
