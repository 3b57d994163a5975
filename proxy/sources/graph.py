"""The source that resolves what a file depends on, and joins it with what is known of each release."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from packaging.utils import canonicalize_name

from analyzer.clean import printable
from analyzer.graph.features import SOURCE, features_of
from analyzer.graph.findings import findings_of
from analyzer.graph.joined import GRAPH_BYTES_MAX, Joined, pack
from analyzer.graph.network import Network
from analyzer.graph.tree import Tree
from models.artifact import ArtifactRef
from models.canonical import Digest, digest_of_bytes
from models.errors import PratiqueError, StoreError
from models.evidence import Evidence, Finding, Layer
from models.facts import Answer, FactSignal, Source, SourceState
from proxy.inquiry import Question
from proxy.relatives import served_before
from proxy.settled import Settled, settle
from proxy.standings import Standings
from proxy.store.port import Dependency, Store
from proxy.trees import Trees, names_below, release_before, unasked

LOG = structlog.get_logger()

TREE_SIGNAL = "graph.tree"
"""Its value is the digest of the joined tree (`analyzer.graph.joined.pack`), kept as a blob: what the
picture on a verdict's page is drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the release before depended on."""

    version: str
    names: frozenset[str]


class Predecessors(Protocol):
    """Who tells what the release before depended on."""

    async def before(self, question: Question) -> Before | None:
        """The last release served here, else the one before on the index; None: there is none."""


class GraphSource:
    """Asks the trees, the standings and the release before, and keeps what came of it."""

    name = SOURCE
    layer = Layer.PROVENANCE

    def __init__(
        self,
        trees: Trees,
        standings: Standings,
        predecessors: Predecessors,
        store: Store,
    ) -> None:
        self._trees = trees
        self._standings = standings
        self._predecessors = predecessors
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """The features and findings of the file's graph. Raises where it could not be resolved.

        A tree that is not whole, because the index did not answer, is *missing* and still told:
        what was found on it is there all the same.
        """
        ref = question.ref
        settled = await settle(
            lambda without: self._trees.of(ref, question.page, without=without),
            self._standings,
            ref.index,
        )
        before = await self._predecessors.before(question)
        joined = join(settled, before, question.as_of)
        # Betweenness takes 50 ms for 200 releases; requests that are served from memory go on.
        signals, findings, packed = await asyncio.to_thread(_measure, joined)
        digest = await self._keep(ref, joined, packed)
        kept = (_tree_signal(digest),) if digest else ()
        why = shortfall(joined.tree)
        return Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.MISSING if why else SourceState.MEASURED,
                reason=why,
                told_at=question.as_of,
            ),
            signals=(*signals, *kept),
            findings=findings,
        )

    async def _keep(self, ref: ArtifactRef, joined: Joined, packed: bytes) -> Digest | None:
        """Keep the joined tree and who depends on whom; None where the store could not."""
        digest = digest_of_bytes(packed)
        below = dependencies_in(joined.tree)
        try:
            if len(packed) <= GRAPH_BYTES_MAX:
                await self._store.put_blob(digest, packed)
            if below != await self._store.dependencies_of(ref):
                await self._store.put_dependencies(ref, below)
        except StoreError as error:
            LOG.warning("graph_not_kept", filename=ref.filename, error=error.message)
            return None
        return digest


class StoredPredecessors:
    """The release before as the store remembers it; else as it would be resolved today."""

    def __init__(self, trees: Trees, store: Store) -> None:
        self._trees = trees
        self._store = store

    async def before(self, question: Question) -> Before | None:
        """As the protocol has it; what could not be asked for is nothing to compare with."""
        served = await served_before(self._store, question.ref)
        if served is not None:
            names = await self._remembered(served.ref)
            if names is None:
                evidence = await self._store.evidence(served.evidence_digest)
                names = installed_with(evidence)
            if names is not None:
                return Before(version=served.ref.version, names=names)
        return await self._on_index(question)

    async def _remembered(self, ref: ArtifactRef) -> frozenset[str] | None:
        found = await self._store.dependencies_of(ref)
        return frozenset(one.project for one in found) if found else None

    async def _on_index(self, question: Question) -> Before | None:
        ref = release_before(question.page, question.ref)
        if ref is None:
            return None
        try:
            tree = await self._trees.of(ref, question.page)
        except PratiqueError:
            return None
        if shortfall(tree):
            return None  # what was not seen of it would count as new
        return Before(version=ref.version, names=frozenset(names_below(tree)))


def join(settled: Settled, before: Before | None, as_of: datetime) -> Joined:
    """The tree with everything that a judgement may rest on."""
    tree = settled.tree
    added = sorted(set(names_below(tree)) - before.names) if before else []
    return Joined(
        tree=tree,
        as_of=as_of,
        known=settled.known,
        since=printable(before.version) if before else "",
        added=tuple(added),
        passed_over=settled.passed_over,
    )


def installed_with(evidence: Evidence | None) -> frozenset[str] | None:
    """The projects that were installed to run an artifact; None where it was not run whole."""
    if evidence is None or Layer.BEHAVIOUR not in evidence.layers or not evidence.complete:
        return None
    run = (one.project for one in evidence.dependencies if one.role == "run")
    return frozenset(canonicalize_name(project) for project in run)


def dependencies_in(tree: Tree) -> tuple[Dependency, ...]:
    """The releases of a tree but the root's, as the store keeps them."""
    return tuple(
        Dependency(project=canonicalize_name(one.project), version=one.version, sha256=one.sha256)
        for one in tree.releases
        if one.project != tree.root and one.sha256 is not None
    )


def shortfall(tree: Tree) -> str:
    """Why a tree is not whole; empty where it is."""
    if tree.stopped:
        return printable(f"the resolution was stopped, for {tree.stopped}")
    count = unasked(tree)
    return f"the index did not answer for {count} of the projects that it requires" if count else ""


def _measure(joined: Joined) -> tuple[tuple[FactSignal, ...], tuple[Finding, ...], bytes]:
    network = Network.of(joined)
    return features_of(network), findings_of(network), pack(joined)


def _tree_signal(digest: Digest) -> FactSignal:
    return FactSignal(
        name=TREE_SIGNAL, layer=Layer.PROVENANCE, value=digest, source=SOURCE, live_only=True
    )
