"""Real trees as an index in memory, with one dependency injected: a risky one, or its benign twin.

Everything is inert: names, versions and days; no file has content, nothing is ever installed.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from packaging.utils import canonicalize_name

from models.artifact import ArtifactRef, parse_ref
from models.canonical import digest_of
from models.decision import Action, HoldKind, TrustTier
from models.evidence import Finding, Layer, Severity
from models.facts import Answer, Facts
from models.popularity import ranks
from models.trust.findings import SEVERITY_RANK
from models.work import Target
from proxy.inquiry import Question
from proxy.resolve import Resolver
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.graph import GraphSource, StoredPredecessors
from proxy.sources.lookalikes import Lookalikes
from proxy.standings import Standings
from proxy.store.memory import MemoryStore
from proxy.trees import Trees
from tests.graph.record import RECORDED
from tests.proxy.sources.serving import serve_in
from tests.proxy.store.values import make_decision
from tests.proxy.test_candidates import TARGET
from tests.proxy.test_resolve import World

INDEX = "pypi"
INJECTED = "reenact-injected"
WEIGHS = SEVERITY_RANK[Severity.MEDIUM]


class Kind(StrEnum):
    """What is injected."""

    YOUNG = "young"
    """A project of two days that nobody uses."""
    TYPOSQUAT = "typosquat"
    """A project of twenty days whose name swaps two letters of a popular one."""
    DENIED = "denied"
    """A release that is refused here, pinned."""
    HELD = "held"
    """A release that waits for review here, pinned."""
    NEW_OWNER = "new-owner"
    """An old, unlisted project whose owners changed."""
    MALICIOUS = "malicious"
    """A release that an advisory names."""
    DIRECT_URL = "direct-url"
    """A requirement by direct URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A recorded tree."""

    root: str
    releases: dict[str, tuple[str, datetime | None, datetime | None]]
    links: tuple[tuple[str, str], ...]

    @property
    def hops(self) -> dict[str, int]:
        """Distance of each release from the root."""
        found = {self.root: 0}
        front = [self.root]
        while front:
            front = [b for a, b in self.links if a in front and b not in found]
            depth = max(found.values()) + 1
            found |= dict.fromkeys(front, depth)
        return found


@cache
def recorded() -> tuple[datetime, dict[str, Shape]]:
    """The day of the recording, and every shape by the requirement that gave it."""
    document = json.loads(RECORDED.read_text())
    day = datetime.fromisoformat(document["recorded"]).replace(tzinfo=UTC)
    return day, {name: _shape(entry) for name, entry in document["trees"].items()}


def _shape(entry: dict[str, Any]) -> Shape:
    releases = {
        name: (version, _day(uploaded), _day(since))
        for name, (version, uploaded, since) in entry["releases"].items()
    }
    links = tuple((link.split(">")[0], link.split(">")[1]) for link in entry["links"])
    return Shape(root=entry["root"], releases=releases, links=links)


def _day(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def typosquat_of(source: random.Random) -> str:
    """A popular name with two letters swapped, which is no popular name itself."""
    popular = [name for name in list(ranks())[:500] if len(name) > 6 and name.isalpha()]
    while True:
        name = source.choice(popular)
        place = source.randrange(1, len(name) - 2)
        swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
        if swapped not in ranks():
            return swapped


class Injection:
    """One tree with one injected dependency at one depth; the root's release before had none."""

    def __init__(self, shape: Shape, kind: Kind, depth: int, *, benign: bool, seed: int) -> None:
        source = random.Random(f"{shape.root} {kind} {depth} {seed}")  # noqa: S311 - an order
        self._day = recorded()[0]
        self._shape, self._kind, self._benign = shape, kind, benign
        parents = sorted(name for name, hops in shape.hops.items() if hops == depth - 1)
        self.parent = source.choice(parents)
        self.name = self._name(source)
        self._store = MemoryStore(clock=lambda: self._day)
        self._world = World()
        self._malicious: set[ArtifactRef] = set()

    async def answers(self) -> tuple[Answer, Answer]:
        """What is said of the release before, and of the one with the injected dependency."""
        for name, (version, uploaded, since) in self._shape.releases.items():
            if name != self._shape.root:
                self._put(name, version, uploaded, since, self._requires(name))
        root = self._shape.root
        old = self._day - timedelta(days=400)
        before = self._put(root, "1.0", old, old, self._requires(root))
        resolver = Resolver(self._world, self._world)
        trees = Trees(resolver, self._world, self._store, _target)
        source = GraphSource(
            trees,
            Standings(
                store=self._store,
                lookalike=_LOOKALIKES.of,
                malicious=self._is_malicious,
                clock=lambda: self._day,
            ),
            StoredPredecessors(trees, self._store),
            self._store,
        )
        try:
            first = await source.ask(self._question(before))
            await self._serve(before)
            now = await self._inject(root)
            return first, await source.ask(self._question(now))
        finally:
            resolver.close()

    async def _inject(self, root: str) -> ArtifactRef:
        """The root's next release; the parent's as well, where that is another one."""
        line = self._line()
        fresh = self._day - timedelta(days=1)
        if self.parent != root:
            version, _, since = self._shape.releases[self.parent]
            newer = f"{version.partition('.post')[0]}.post99"
            self._put(self.parent, newer, fresh, since, [*self._requires(self.parent), line])
        await self._injected()
        lines = self._requires(root)
        return self._put(root, "2.0", fresh, None, [*lines, line] if self.parent == root else lines)

    async def _injected(self) -> None:
        days = {Kind.YOUNG: 2, Kind.TYPOSQUAT: 20}.get(self._kind, 900)
        since = self._day - timedelta(days=900 if self._benign else days)
        ref = self._put(self.name, "1.0", since, since, [])
        if self._kind is Kind.DENIED:
            action = Action.SERVE if self._benign else Action.DENY
            await self._store.put_decision(make_decision(ref, action=action, as_of=self._day))
        if self._kind is Kind.HELD:
            held = make_decision(ref, as_of=self._day)
            if not self._benign:
                held = replace(held, action=Action.HOLD, hold=HoldKind.REVIEW)
            await self._store.put_decision(held)
        if self._kind is Kind.MALICIOUS and not self._benign:
            self._malicious.add(ref)
        if self._kind is Kind.NEW_OWNER:
            await self._watched(ref)

    async def _watched(self, ref: ArtifactRef) -> None:
        """A decision under watch; where it is risky, on facts that say whose hands it is in."""
        found = Finding(
            id="owners-changed", title="t", severity=Severity.MEDIUM, layer=Layer.REPUTATION
        )
        facts = Facts(ref=ref, as_of=self._day, findings=() if self._benign else (found,))
        await self._store.put_facts(facts)
        decision = make_decision(ref, as_of=self._day)
        tier = TrustTier.MONITOR
        await self._store.put_decision(replace(decision, tier=tier, facts_digest=digest_of(facts)))

    def _line(self) -> str:
        if self._kind is Kind.DIRECT_URL and not self._benign:
            return f"{self.name} @ https://files.test/{self.name}-1.0-py3-none-any.whl"
        pinned = self._kind in {Kind.DENIED, Kind.HELD, Kind.MALICIOUS}
        return f"{self.name}==1.0" if pinned else self.name

    def _name(self, source: random.Random) -> str:
        squat = typosquat_of(source)
        if self._kind is not Kind.TYPOSQUAT:
            return INJECTED
        if not self._benign:
            return squat
        # A near name that is popular itself, such as those that squatters aim at.
        taken = self._shape.releases
        return next(name for name in list(ranks())[200:] if name not in taken)

    def _requires(self, name: str) -> list[str]:
        """By name alone: the newest release of each is the only one, or the injected one."""
        return [target for source, target in self._shape.links if source == name != target]

    def _put(
        self,
        name: str,
        version: str,
        uploaded: datetime | None,
        since: datetime | None,
        requires: list[str],
    ) -> ArtifactRef:
        stem = f"{name.replace('-', '_')}-{version}"
        if since is not None and uploaded is not None and since < uploaded:
            first = f"{name.replace('-', '_')}-0.0.1.dev0.tar.gz"
            self._world.add(first, described=False, upload_time=since, yanked="old")
        filename = f"{stem}-py3-none-any.whl"
        self._world.add(filename, *requires, upload_time=uploaded)
        digest = hashlib.sha256(filename.encode()).hexdigest()
        return parse_ref(INDEX, name, digest, filename)

    def _question(self, ref: ArtifactRef) -> Question:
        files: tuple[IndexFile, ...] = tuple(self._world.files[ref.project])
        page = ProjectPage(name=canonicalize_name(ref.project), files=files)
        return Question(ref=ref, page=page, as_of=self._day)

    async def _serve(self, ref: ArtifactRef) -> None:
        """Make `ref` the release that was served before, by the store's own ways."""
        await serve_in(self._store, ref, self._day)

    async def _is_malicious(self, ref: ArtifactRef) -> bool:
        return ref in self._malicious


_LOOKALIKES = Lookalikes()


async def _target() -> Target:
    return TARGET


def weighing(answer: Answer) -> list[Finding]:
    """The findings of medium severity or more."""
    return [one for one in answer.findings if SEVERITY_RANK[one.severity] >= WEIGHS]


def is_found(answer: Answer, injection: Injection, kind: Kind) -> bool:
    """Whether what was injected is named by a finding that weighs, or counted as a direct URL.

    Direct URLs have their finding from the reader, for the whole tree; the graph counts them.
    """
    if kind is Kind.DIRECT_URL:
        counted = {signal.name: signal.value for signal in answer.signals}
        return counted["graph.direct_urls"] == 1
    return any(one.place.path.endswith(f"> {injection.name}") for one in weighing(answer))
