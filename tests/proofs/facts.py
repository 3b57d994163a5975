"""What the sources of provenance and reputation find in honest projects: seldom anything that weighs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from models.artifact import ArtifactRef, Sha256, parse_index_name
from models.clock import utc_now
from models.errors import UpstreamNotFound
from models.evidence import Severity
from models.facts import Facts
from models.popularity import ranks
from proxy.index.cached import CachedIndex
from proxy.index.default import default_upstream
from proxy.index.upstream import UpstreamIndex
from proxy.inquiry import FactSource, Inquiry
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.documents import ProjectDocuments
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import FetchedAttestations, ProvenanceSource
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.sources.trustroot import TrustRoots
from proxy.store.port import MemoryKind
from proxy.store.sqlite import SqliteStore
from tests.proofs.choosing import running_loop
from tests.proofs.proof import STATE, Outcome

TOP = 300
OTHERS = 100
PAUSE_S = 0.1
"""Seconds between two projects: the index is somebody else's."""
ASKED_AFTER = timedelta(hours=1)
"""How long after its upload a release is asked about, where it is taken to be fresh."""
WEIGHS = frozenset({Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL})
GRAVE = frozenset({Severity.HIGH, Severity.CRITICAL})


class FactsProof:
    """See the module. Each release is asked about as of today, and as of an hour after its upload."""

    name = "facts"
    claim = (
        "The sources of history, ownership and provenance find nothing of medium severity or worse in "
        "the newest release of 95 % of the 300 most downloaded projects and of 100 others of the list, "
        "asked about today and an hour after its upload; and nothing of high severity in any. Nothing "
        "is remembered of these projects, and the index here may speak of no attestations: the facts "
        "name each source's state."
    )
    least_percent = 95
    sample = 5
    parallel = 1

    def items(self, seed: int) -> Sequence[str]:
        names = list(ranks())
        others = random.Random(seed).sample(names[TOP:], OTHERS)  # noqa: S311 - a sample, not a secret
        ordered = [f"top {name}" for name in names[:TOP]] + [f"other {name}" for name in others]
        random.Random(seed).shuffle(ordered)  # noqa: S311 - an order, not a secret
        return ordered

    @contextmanager
    def set_up(self) -> Iterator[FactsExperiment]:
        STATE.mkdir(parents=True, exist_ok=True)
        with running_loop() as loop:

            def run(step: object) -> object:
                return asyncio.run_coroutine_threadsafe(step, loop).result()  # type: ignore[arg-type]

            # Pages are kept on disk, so that a second run asks for what changed alone.
            store = SqliteStore.open(STATE / "facts.sqlite", clock=utc_now)
            upstream = UpstreamIndex(parse_index_name("pypi"), default_upstream())
            index = CachedIndex(upstream, store, clock=utc_now)
            run(upstream.start())
            try:
                sources = _sources(upstream, store)
                yield FactsExperiment(loop, index, Inquiry(sources))
            finally:
                run(index.close())
                run(upstream.close())
                run(store.close())


def _sources(upstream: UpstreamIndex, store: SqliteStore) -> tuple[FactSource, ...]:
    documents = ProjectDocuments(upstream.client, clock=utc_now)
    attestations = FetchedAttestations(upstream.client, TrustRoots(clock=utc_now), clock=utc_now)
    return (
        HistorySource(),
        OwnershipSource(documents, ProjectMemory(store, MemoryKind.OWNERS)),
        ProvenanceSource(
            attestations,
            ProjectMemory(store, MemoryKind.PUBLISHER),
            documents,
            index_url=upstream.client.url,
        ),
    )


class FactsExperiment:
    """The sources over the real index."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, index: CachedIndex, inquiry: Inquiry
    ) -> None:
        self._loop = loop
        self._index = index
        self._inquiry = inquiry

    def attempt(self, item: str) -> Outcome:
        time.sleep(PAUSE_S)
        return asyncio.run_coroutine_threadsafe(self._attempt(item), self._loop).result()

    async def _attempt(self, item: str) -> Outcome:
        try:
            page = await self._index.project(canonicalize_name(item.partition(" ")[2]))
        except UpstreamNotFound:
            return Outcome(item=item, holds=True, detail="gone", facts={"found": "gone"})
        file = _newest(page)
        if file is None or file.sha256 is None or file.upload_time is None:
            return Outcome(
                item=item, holds=True, detail="no file with a time", facts={"found": "no file"}
            )
        ref = ArtifactRef(
            index=self._index.name,
            project=page.name,
            filename=file.filename,
            sha256=Sha256(file.sha256),
        )
        begun = time.monotonic()
        today = await self._inquiry.facts(ref, page, utc_now())
        took = time.monotonic() - begun
        fresh = await self._inquiry.facts(ref, page, file.upload_time + ASKED_AFTER)
        found = {one.id: one for one in (*today.findings, *fresh.findings)}
        severities = {one.severity for one in (*today.findings, *fresh.findings)}
        return Outcome(
            item=item,
            holds=not severities & WEIGHS,
            grave=bool(severities & GRAVE),
            detail=f"{file.filename} {_told(today, 'today')} {_told(fresh, 'fresh')}".strip()[:300],
            measures={"sources_s": took},
            facts={
                "worst": max((s.value for s in severities), default="", key=_rank),
                "found": " ".join(sorted(found)),
                "states": " ".join(f"{s.name}={s.state.value}" for s in today.sources),
            },
        )


def _rank(value: str) -> int:
    return [severity.value for severity in Severity].index(value)


def _told(facts: Facts, when: str) -> str:
    told = ", ".join(f"{one.id} {one.severity.value}" for one in facts.findings)
    return f"{when}: {told};" if told else ""


def _newest(page: ProjectPage) -> IndexFile | None:
    """The first file of the newest release that is no pre-release and not yanked, else of any."""

    def order(file: IndexFile) -> tuple[bool, Version, datetime]:
        version = Version(file.version)
        assert file.upload_time is not None
        settled = not version.is_prerelease and not file.is_yanked
        return settled, version, file.upload_time

    readable = [
        file for file in page.files if file.upload_time is not None and _reads(file.version)
    ]
    best = max(readable, key=order, default=None)
    same = [file for file in readable if best is not None and file.version == best.version]
    return min(same, key=lambda file: order(file)[2], default=None)


def _reads(version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True
