"""Which sources of facts are asked: the one place where they are put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from models.artifact import ArtifactRef
from models.clock import Clock
from policies.policy import Policy
from proxy.errands import MetadataSource
from proxy.index.client import UpstreamClient
from proxy.index.port import Index
from proxy.inquiry import FactSource
from proxy.sources.advisories import STALE_AFTER, AdvisorySource
from proxy.sources.confusion import ConfusionSource
from proxy.sources.documents import DocumentBackgrounds, ProjectDocuments
from proxy.sources.graph import GraphSource, StoredPredecessors
from proxy.sources.lookalikes import Lookalikes
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import FetchedAttestations, ProvenanceSource
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.sources.trustroot import TrustRoots
from proxy.standings import Standings
from proxy.store.port import MemoryKind, Store
from proxy.target import OwnTarget
from proxy.trees import Grower, Trees


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
    grower: Grower | None = None
    """What resolves trees, over pages that hide nothing; None: no graph is made."""
    metadata: MetadataSource | None = None
    """Where the metadata of a file on the index comes from; goes with `grower`."""
    graph_unread_s: float | None = None
    """Seconds that a file which nobody has read yet is kept waiting for its graph; None: all."""


def advisories_of(means: Means) -> AdvisorySource:
    """The source of advisories, which judgements ask by itself as well."""
    return AdvisorySource(
        means.advisories or means.store, expected=means.feeds, stale_after=means.feeds_stale
    )


def sources_of(means: Means) -> tuple[FactSource, ...]:
    """Every source there is, in no particular order: an inquiry sorts what they say."""
    documents = ProjectDocuments(means.client, clock=means.clock)
    roots = TrustRoots(clock=means.clock, folder=means.trust_root_dir)
    backgrounds = DocumentBackgrounds(documents)
    return (
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
        *_graph(means),
    )


def _graph(means: Means) -> tuple[FactSource, ...]:
    """The graph, where there is something to resolve trees with."""
    if means.grower is None or means.metadata is None:
        return ()
    trees = Trees(means.grower, means.metadata, means.store, OwnTarget().get)
    return (
        GraphSource(
            trees,
            standings_with(means.store, advisories_of(means), means.clock),
            StoredPredecessors(trees, means.store),
            means.store,
            unread_s=means.graph_unread_s,
        ),
    )


def standings_with(
    store: Store | None, advisories: AdvisorySource | None, clock: Clock
) -> Standings:
    """What is known of the releases of a tree: by decisions, advisories and names."""

    async def malicious(ref: ArtifactRef) -> bool:
        return advisories is not None and await advisories.proves(ref, clock())

    return Standings(store=store, lookalike=Lookalikes().of, malicious=malicious, clock=clock)
