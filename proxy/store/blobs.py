"""Which blobs evidence and facts name: a blob that nothing names any more may go."""

from __future__ import annotations

from enum import StrEnum

from models.evidence import Evidence
from models.facts import Facts

GRAPH_SIGNAL = "graph.tree"
"""The signal whose value is a graph's digest (`proxy.sources.graph.TREE_SIGNAL`, which stands above
the store; a test compares the two)."""


class BlobKind(StrEnum):
    """What a blob is."""

    TRACE = "trace"
    METADATA = "metadata"
    GRAPH = "graph"


def blobs_of_evidence(evidence: Evidence) -> dict[BlobKind, str]:
    """The digests of the blobs that evidence names."""
    named = {BlobKind.TRACE: evidence.trace_digest, BlobKind.METADATA: evidence.metadata_digest}
    return {kind: digest for kind, digest in named.items() if digest is not None}


def blobs_of_facts(facts: Facts) -> dict[BlobKind, str]:
    """The digest of the graph that facts name."""
    digest = facts.signal(GRAPH_SIGNAL)
    return {BlobKind.GRAPH: digest} if isinstance(digest, str) else {}
