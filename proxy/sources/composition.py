"""Which sources of facts are asked: the one place where they are put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from packaging.utils import NormalizedName

from analyzer.confusion.index import popular_names
from analyzer.graph.joined import Known
from analyzer.graph.tree import Tree
from models.artifact import ArtifactRef, IndexName, Sha256
from models.clock import Clock
from policies.policy import Policy
from proxy.index.client import UpstreamClient
from proxy.index.port import Index
from proxy.inquiry import FactSource
from proxy.sources.advisories import STALE_AFTER, AdvisorySource
from proxy.sources.background import DocumentBackgrounds
from proxy.sources.confusion import ConfusionSource
from proxy.sources.documents import ProjectDocuments
from proxy.sources.graph import GraphSource, StoredPredecessors
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import FetchedAttestations, ProvenanceSource
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.sources.trustroot import TrustRoots
from proxy.standings import Standings
from proxy.store.port import MemoryKind, Store
from proxy.trees import Trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What sources may draw on. A scan has a store in memory; the door has the one on disk."""

    index: Index
    """Project pages, cached, as upstream gave them."""
    client: UpstreamClient
    """The one way out to the network; started and closed by whoever made it."""
    store: Store
    policy: Callable[[], Policy]
    """The policy in force at the moment of asking."""
    clock: Clock
    trust_root_dir: Path | None = None
    """Where a newer trust root of sigstore is kept; None: the bundled one is all there is."""
    feeds: tuple[str, ...] = ()
    """Names of the feeds in the settings."""
    feeds_stale: timedelta = STALE_AFTER
    advisories: Store | None = None
    """Where advisories lie, if not in `store`."""
    trees: Trees | None = None
    """Dependency trees; None: nobody resolves, and the graph is not asked for."""


def advisories_of(means: Means) -> AdvisorySource:
    """The source of advisories, which judgements ask by itself as well."""
    return AdvisorySource(
        means.advisories or means.store, expected=means.feeds, stale_after=means.feeds_stale
    )


def sources_of(means: Means) -> tuple[FactSource, ...]:
    """Every source there is, in no particular order: an inquiry sorts what they say."""
    documents = ProjectDocuments(means.client, clock=means.clock)
    roots = TrustRoots(clock=means.clock, folder=means.trust_root_dir)
    backgrounds = DocumentBackgrounds(means.client)
    graph = () if means.trees is None else (_graph(means, means.trees),)
    return (
        *graph,
        advisories_of(means),
        ConfusionSource(backgrounds=backgrounds, owned=lambda: means.policy().owned),
        HistorySource(),
        OwnershipSource(documents, ProjectMemory(means.store, MemoryKind.OWNERS)),
        ProvenanceSource(
            FetchedAttestations(means.client, roots, clock=means.clock),
            ProjectMemory(means.store, MemoryKind.PUBLISHER),
            documents,
            index_url=means.client.url,
        ),
    )


class _Standings(Standings):
    """Builds the index of popular names in a thread before the first look into it."""

    async def of(self, tree: Tree, index: IndexName) -> tuple[Known, ...]:
        """As `Standings.of`."""
        await asyncio.to_thread(popular_names)
        return await super().of(tree, index)


def _graph(means: Means, trees: Trees) -> GraphSource:
    advisories = advisories_of(means)

    async def malicious(project: NormalizedName, version: str) -> bool:
        """Whether a record lists that very version; the digest of no file is asked about."""
        ref = ArtifactRef(
            index=IndexName("any"),
            project=project,
            filename=f"{project.replace('-', '_')}-{version}.tar.gz",
            sha256=Sha256("0" * 64),
        )
        return await advisories.proves(ref, means.clock())

    standings = _Standings(store=means.store, lookalike=_taken_for, malicious=malicious)
    return GraphSource(trees, standings, StoredPredecessors(trees, means.store), means.store)


def _taken_for(project: NormalizedName) -> str:
    near = (one for one in popular_names().lookalikes(project) if one.near and one.is_project)
    return next((one.target for one in near), "")
