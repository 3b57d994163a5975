"""Which sources of facts are asked: the one place where they are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName
from models.clock import Clock
from models.errors import UpstreamNotFound
from models.facts import Answer
from policies.policy import Policy
from proxy.errands import MetadataSource, Pages
from proxy.index.client import UpstreamClient
from proxy.index.folder import BASE as FOLDER_URL
from proxy.inquiry import FactSource, Question
from proxy.sources.advisories import STALE_AFTER, AdvisorySource
from proxy.sources.confusion import ConfusionSource
from proxy.sources.documents import DocumentBackgrounds, DocumentsByHome, ProjectDocuments
from proxy.sources.graph import GraphSource, StoredPredecessors
from proxy.sources.lookalikes import Lookalikes
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import FetchedAttestations, NoAttestations, ProvenanceSource
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.sources.trustroot import TrustRoots
from proxy.standings import Standings, nowhere
from proxy.store.port import MemoryKind, Store
from proxy.target import OwnTarget
from proxy.trees import Grower, Trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What sources may draw on. A scan has a store in memory; the door has the one on disk."""

    index: Pages
    """Project pages, cached, as upstream gave them."""
    clients: Mapping[IndexName, UpstreamClient | None]
    """The ways out to the network, by upstream; started and closed by whoever made them. A folder
    needs none."""
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
    home: Callable[[NormalizedName], IndexName | None] = nowhere
    """The upstream that a name comes from, as memory has it."""


class ByIndex:
    """A FactSource that is another one for each upstream."""

    def __init__(self, by_index: Mapping[IndexName, FactSource]) -> None:
        """`by_index` holds at least one, and all are of one name and layer."""
        self._by_index = dict(by_index)
        first = next(iter(self._by_index.values()))
        self.name, self.layer = first.name, first.layer

    async def ask(self, question: Question) -> Answer:
        """The answer of the upstream that the file comes from. Raises as that source."""
        source = self._by_index.get(question.ref.index)
        if source is None:
            raise UpstreamNotFound(f"There is no upstream called {question.ref.index}.")
        return await source.ask(question)


def advisories_of(means: Means) -> AdvisorySource:
    """The source of advisories, which judgements ask by itself as well."""
    return AdvisorySource(
        means.advisories or means.store, expected=means.feeds, stale_after=means.feeds_stale
    )


def sources_of(means: Means) -> tuple[FactSource, ...]:
    """Every source there is, in no particular order: an inquiry sorts what they say."""
    documents = DocumentsByHome(
        means.index,
        {
            index: ProjectDocuments(client, clock=means.clock)
            for index, client in means.clients.items()
            if client is not None
        },
        clock=means.clock,
    )
    roots = TrustRoots(clock=means.clock, folder=means.trust_root_dir)
    backgrounds = DocumentBackgrounds(documents)
    return (
        advisories_of(means),
        ConfusionSource(backgrounds=backgrounds, owned=lambda: means.policy().owned),
        HistorySource(),
        OwnershipSource(documents, ProjectMemory(means.store, MemoryKind.OWNERS)),
        ByIndex(
            {
                index: ProvenanceSource(
                    FetchedAttestations(client, roots, clock=means.clock)
                    if client is not None
                    else NoAttestations(),
                    ProjectMemory(means.store, MemoryKind.PUBLISHER),
                    documents,
                    index_url=client.url if client is not None else FOLDER_URL,
                )
                for index, client in means.clients.items()
            }
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
            standings_with(means.store, advisories_of(means), means.clock, home=means.home),
            StoredPredecessors(trees, means.store),
            means.store,
            unread_s=means.graph_unread_s,
        ),
    )


def standings_with(
    store: Store | None,
    advisories: AdvisorySource | None,
    clock: Clock,
    *,
    home: Callable[[NormalizedName], IndexName | None] = nowhere,
) -> Standings:
    """What is known of the releases of a tree: by decisions, advisories and names."""

    async def malicious(ref: ArtifactRef) -> bool:
        return advisories is not None and await advisories.proves(ref, clock())

    return Standings(
        store=store, lookalike=Lookalikes().of, malicious=malicious, clock=clock, home=home
    )
