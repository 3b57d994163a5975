"""One dependency graph without a firewall: what `pratique graph` resolves, joins and shows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from analyzer.clean import printable
from analyzer.graph.features import features_of
from analyzer.graph.findings import findings_of
from analyzer.graph.joined import Joined
from analyzer.graph.network import Network
from analyzer.graph.tree import ROOT, Tree
from models.artifact import IndexName, Sha256
from models.clock import Clock
from models.errors import UpstreamNotFound, ValueInvalid
from models.evidence import Finding
from models.facts import FactSignal
from models.work import ResolveRequest, Target
from proxy.artifacts.folder import FolderArtifacts
from proxy.behind import Behind
from proxy.index.declared import Upstream
from proxy.resolve import Resolver
from proxy.settled import settle
from proxy.standings import Standings
from proxy.store.memory import MemoryStore
from proxy.store.port import Store
from proxy.tree import below


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphed:
    """What came of a requirement."""

    requirement: str
    joined: Joined
    signals: tuple[FactSignal, ...]
    findings: tuple[Finding, ...]
    judged: bool
    """Whether there was a store to ask what was decided; else everything is unjudged."""


def asked_for(text: str, extras: tuple[str, ...] = ()) -> Requirement:
    """A requirement with some extras more. Raises ValueInvalid."""
    try:
        requirement = Requirement(text)
        for extra in extras:
            requirement.extras |= Requirement(f"x[{extra}]").extras
    except InvalidRequirement as error:
        raise ValueInvalid(
            f"{text!r} with the extras {', '.join(extras) or 'none'} is no requirement.",
            next_step="Write something like requests, 'requests[socks]>=2.31' or requests==2.32.5.",
        ) from error
    if requirement.url is not None:
        raise ValueInvalid(
            "A requirement by direct URL is on no index.", next_step="Name a project of the index."
        )
    return requirement


async def graph_of(
    requirement: Requirement,
    *,
    upstreams: Sequence[Upstream],
    target: Target,
    store: Store | None,
    clock: Clock,
    standings: Callable[[Callable[[NormalizedName], IndexName | None]], Standings],
) -> Graphed:
    """The graph of a requirement, joined with what is known of it; `store` keeps the pages.

    `standings` are made with who tells from which upstream a name comes.

    Raises UpstreamNotFound where the requirement itself cannot be met, another UpstreamError, or
    StoreError.
    """
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="pratique-graph-"))
        behind = await stack.enter_async_context(
            Behind(
                upstreams,
                store or MemoryStore(clock=clock),
                FolderArtifacts(Path(scratch)),
                clock=clock,
            )
        )
        resolver = Resolver(behind.index, behind.fetchers)
        stack.callback(resolver.close)
        asked = ResolveRequest(requirements=(str(requirement),), role="run", target=target)

        async def grow(without: frozenset[Sha256]) -> Tree:
            return _below(await resolver.tree(asked, without=without), requirement)

        name = behind.index.would_be(canonicalize_name(requirement.name))
        settled = await settle(grow, standings(behind.index.home), name)
    joined = Joined(
        tree=settled.tree, as_of=clock(), known=settled.known, passed_over=settled.passed_over
    )
    network = Network.of(joined)
    return Graphed(
        requirement=str(requirement),
        joined=joined,
        signals=features_of(network),
        findings=findings_of(network),
        judged=store is not None,
    )


def _below(whole: Tree, requirement: Requirement) -> Tree:
    project = canonicalize_name(requirement.name)
    if whole.release(project) is None:
        why = next((one.why for one in whole.unmet if one.source == ROOT), whole.stopped)
        raise UpstreamNotFound(
            f"{printable(str(requirement))} cannot be met: {why or 'no marker of it is true'}.",
            next_step="Look at its name and version, or ask for another --python.",
        )
    return below(whole, project)
