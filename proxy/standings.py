"""What is known here of the releases of a tree: their decisions, findings, makers and names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from packaging.utils import NormalizedName, canonicalize_name

from analyzer.clean import printable
from analyzer.graph.findings import DEFINITIONS
from analyzer.graph.joined import KNOWN_FINDINGS_MAX, Known, KnownFinding, Standing, days_since
from analyzer.graph.tree import Release, Tree
from models.artifact import ArtifactRef, IndexName
from models.canonical import Digest
from models.clock import Clock, utc_now
from models.decision import Action, Decision, HoldKind, TrustTier
from models.facts import Facts
from models.popularity import rank_of
from models.trust.findings import worst_first

OWNER_FINDINGS = frozenset({"owners-changed", "publisher-changed"})
"""Findings of facts that say that somebody else stands behind a project now."""
AT_ONCE = 32
"""Releases looked up at a time; the store answers one after the other anyway."""


class Decided(Protocol):
    """The part of the Store that is asked."""

    async def decision_of(self, ref: ArtifactRef) -> Decision | None:
        """The current decision of one ref."""

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        """The current decision of every ref of a project."""

    async def facts(self, digest: Digest) -> Facts | None:
        """Facts by digest."""


async def nobody_warns(_: ArtifactRef) -> bool:
    """No advisory names anything."""
    return False


async def nothing_alike(_: NormalizedName, __: int | None) -> str:
    """No name is like another."""
    return ""


def nowhere(_: NormalizedName) -> IndexName | None:
    """Every release is of the index that is asked about."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Asks the store, and whoever else knows something of a project."""

    store: Decided | None
    """None: there is none, so that everything is unjudged."""
    lookalike: Callable[[NormalizedName, int | None], Awaitable[str]] = nothing_alike
    """The popular project that a name of so many days could be taken for; empty: none."""
    malicious: Callable[[ArtifactRef], Awaitable[bool]] = nobody_warns
    """Whether an advisory names a file, or its release, as malicious."""
    clock: Clock = utc_now
    home: Callable[[NormalizedName], IndexName | None] = nowhere
    """The upstream that a dependency comes from, where it is another one."""

    async def of(self, tree: Tree, index: IndexName) -> tuple[Known, ...]:
        """What is known of each release of a tree, by project. Raises StoreError.

        `index`: the root's, and that of names whose home is not known.
        """
        room = asyncio.Semaphore(AT_ONCE)

        async def one(release: Release) -> Known:
            async with room:
                home = self.home(canonicalize_name(release.project))
                return await self._about(release, home or index)

        return tuple(await asyncio.gather(*(one(release) for release in tree.releases)))

    async def _about(self, release: Release, index: IndexName) -> Known:
        project = canonicalize_name(release.project)
        days = days_since(release.project_since, self.clock())
        decision = await self._decision(release, index)
        facts = None
        if decision is not None and decision.facts_digest is not None and self.store is not None:
            facts = await self.store.facts(decision.facts_digest)
        found = worst_first(facts.findings) if facts else ()
        own = [one for one in found if one.id not in DEFINITIONS]
        return Known(
            project=project,
            standing=standing_of(decision),
            score=decision.score.value if decision is not None and decision.score else None,
            malicious=await self._malicious(release, index),
            findings=tuple(KnownFinding(id=one.id, severity=one.severity) for one in own)[
                :KNOWN_FINDINGS_MAX
            ],
            owner_changed=any(one.id in OWNER_FINDINGS for one in own),
            owners=_texts(facts, "ownership.organisation"),
            publisher=_publisher(facts),
            confusable_with=await self.lookalike(project, days),
            rank=rank_of(project),
        )

    async def _malicious(self, release: Release, index: IndexName) -> bool:
        ref = _ref(release, index)
        return ref is not None and await self.malicious(ref)

    async def _decision(self, release: Release, index: IndexName) -> Decision | None:
        """Of the file that was chosen; without one, a refusal of another file of the release."""
        ref = _ref(release, index)
        if self.store is None or ref is None:
            return None
        decision = await self.store.decision_of(ref)
        if decision is not None:
            return decision
        return refused_in(await self.store.decisions_of(index, ref.project), release.version)


def _ref(release: Release, index: IndexName) -> ArtifactRef | None:
    if release.sha256 is None:
        return None
    return ArtifactRef(
        index=index,
        project=canonicalize_name(release.project),
        filename=release.filename,
        sha256=release.sha256,
    )


def standing_of(decision: Decision | None) -> Standing:
    """How a release stands by the decision about its file."""
    if decision is None or decision.hold is HoldKind.ANALYSIS:
        return Standing.UNJUDGED
    if decision.action is Action.DENY:
        return Standing.REFUSED
    if decision.action is Action.HOLD:
        return Standing.HELD
    if decision.override_id:
        return Standing.OVERRIDDEN
    return Standing.MONITORED if decision.tier is TrustTier.MONITOR else Standing.APPROVED


def refused_in(decisions: Iterable[Decision], version: str) -> Decision | None:
    """A refusal among the decisions about the files of one version; None: there is none."""
    return next(
        (one for one in decisions if one.action is Action.DENY and one.ref.version == version),
        None,
    )


def _publisher(facts: Facts | None) -> str:
    """The signed repository that a verified attestation names; empty where there is none."""
    if facts is None or facts.signal("provenance.verified") is not True:
        return ""
    return printable(str(facts.signal("provenance.repository") or ""))


def _texts(facts: Facts | None, name: str) -> tuple[str, ...]:
    value = facts.signal(name) if facts else None
    return (printable(value, 200),) if isinstance(value, str) and value else ()
