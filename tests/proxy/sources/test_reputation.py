"""The sources `history` and `ownership`, with a store that remembers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from models.artifact import ArtifactRef, Sha256
from models.errors import UpstreamError
from models.facts import Answer, SourceState
from proxy.index.client import UpstreamClient
from proxy.sources.documents import FRESH_S, ProjectDocuments
from proxy.sources.memory import ProjectMemory
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.store.memory import MemoryStore
from proxy.store.port import MemoryKind
from tests.proxy.index.local import LocalUpstream, answer, local_upstream
from tests.proxy.sources.asked import NOW, Clock, listed, page_of, question, ref_of
from tests.proxy.sources.serving import serve_file
from tests.proxy.sources.test_provenance import client_of

PATH = "/pypi/reenact-demo/json"


def ref(number: int) -> ArtifactRef:
    return ref_of(f"reenact_demo-{number}.0.tar.gz", Sha256(f"{number:064x}"))


def values(told: Answer) -> dict[str, object]:
    return {one.name: one.value for one in told.signals}


async def test_history__is_read_off_the_page() -> None:
    page = page_of(
        listed(ref(1), days=2000), listed(ref(2), days=3), project="reenact-demo", status="archived"
    )
    told = await HistorySource().ask(question(ref(2), page))
    assert told.source.state is SourceState.MEASURED
    assert values(told)["history.gap_days"] == 1997
    assert [one.id for one in told.findings] == ["project-archived", "dormant-revived"]


@pytest.mark.parametrize("page", [None, page_of(listed(ref(1), upload_time=None))])
async def test_history__without_page_or_time_it_could_not_ask(page: object) -> None:
    with pytest.raises(UpstreamError):
        await HistorySource().ask(question(ref(1), page))  # type: ignore[arg-type]  # either of two


@dataclass
class Bench:
    """The source `ownership` over a local upstream, and a project of two releases."""

    source: OwnershipSource
    store: MemoryStore
    upstream: LocalUpstream
    clock: Clock

    def owned_by(self, *owners: str) -> None:
        roles = [{"role": "Owner", "user": owner} for owner in owners]
        info = {"name": "reenact-demo", "description": "words"}
        body = json.dumps({"info": info, "ownership": {"roles": roles}})
        self.upstream.always[PATH] = answer(body.encode())

    async def ask(self, number: int, *, uploaded_days_ago: tuple[float, float]) -> Answer:
        files = [listed(ref(n + 1), days=days) for n, days in enumerate(uploaded_days_ago)]
        page = page_of(*files, project="reenact-demo")
        return await self.source.ask(question(ref(number), page, as_of=self.clock.now))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = Clock()
    store = MemoryStore(clock=clock)
    async with local_upstream() as upstream, client_of(upstream) as client:
        yield Bench(_source(client, store, clock), store, upstream, clock)


def _source(client: UpstreamClient, store: MemoryStore, clock: Clock) -> OwnershipSource:
    documents = ProjectDocuments(client, clock=clock)
    return OwnershipSource(documents, ProjectMemory(store, MemoryKind.OWNERS))


async def _later(bench: Bench) -> None:
    bench.clock.now = NOW + timedelta(seconds=FRESH_S + 1)


async def test_ownership__new_owners_since_a_served_release_are_found(bench: Bench) -> None:
    bench.owned_by("ann")
    await bench.ask(1, uploaded_days_ago=(900, -1))
    await serve_file(bench.store, ref(1))
    bench.owned_by("eve")
    await _later(bench)
    told = await bench.ask(2, uploaded_days_ago=(900, -0.1))
    assert [(one.id, one.severity.value) for one in told.findings] == [("owners-changed", "high")]
    assert values(told)["ownership.owners_added"] == 1


async def test_ownership__a_release_that_is_not_served_teaches_nothing(bench: Bench) -> None:
    bench.owned_by("ann")
    await bench.ask(1, uploaded_days_ago=(900, -1))
    bench.owned_by("eve")
    await _later(bench)
    told = await bench.ask(2, uploaded_days_ago=(900, -0.1))
    assert told.findings == ()
    assert "ownership.owners_added" not in values(told)


async def test_ownership__a_release_from_before_the_change_is_not_charged(bench: Bench) -> None:
    bench.owned_by("ann")
    await bench.ask(1, uploaded_days_ago=(900, 5))
    await serve_file(bench.store, ref(1))
    bench.owned_by("eve")
    await _later(bench)
    told = await bench.ask(2, uploaded_days_ago=(900, 5))
    assert told.findings == ()
    kept = await bench.store.remembered(ref(1).index, ref(1).project, MemoryKind.OWNERS)
    assert [row.sha256 for row in kept] == [ref(1).sha256]


async def test_ownership__an_index_without_documents_is_absent(bench: Bench) -> None:
    told = await bench.ask(1, uploaded_days_ago=(900, 5))
    assert told.source.state is SourceState.ABSENT
    assert told.source.reason


async def test_ownership__an_upstream_that_fails_is_missing(bench: Bench) -> None:
    bench.upstream.always[PATH] = answer(status=503)
    with pytest.raises(UpstreamError):
        await bench.ask(1, uploaded_days_ago=(900, 5))
