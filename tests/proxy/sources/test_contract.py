"""What every source of facts keeps to, real or fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from analyzer.provenance.catalog import FINDINGS as PROVENANCE_FINDINGS
from analyzer.provenance.catalog import SIGNALS as PROVENANCE_SIGNALS
from analyzer.reputation.catalog import FINDINGS as REPUTATION_FINDINGS
from analyzer.reputation.catalog import SIGNALS as REPUTATION_SIGNALS
from models.artifact import Sha256
from models.errors import PratiqueError
from models.evidence import Layer
from models.facts import Answer, SourceState
from proxy.inquiry import FactSource
from proxy.sources.documents import ProjectDocuments
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import ProvenanceSource
from proxy.sources.reputation import HistorySource, OwnershipSource
from proxy.store.memory import MemoryStore
from proxy.store.port import MemoryKind
from tests.proxy.index.local import local_upstream
from tests.proxy.sources.asked import (
    INDEX_URL,
    Clock,
    FakeSource,
    listed,
    page_of,
    question,
    ref_of,
)
from tests.proxy.sources.test_provenance import FakeAttestations, client_of

REF = ref_of("reenact_demo-1.0.tar.gz", Sha256("ab" * 32))
PAGE = page_of(listed(REF), project="reenact-demo")
REAL = ["history", "ownership", "provenance"]
KINDS = {kind.name: kind for kind in (*PROVENANCE_SIGNALS, *REPUTATION_SIGNALS)}
FINDINGS = {kind.id: kind for kind in (*PROVENANCE_FINDINGS, *REPUTATION_FINDINGS)}


@asynccontextmanager
async def source_called(name: str, *, fake: bool) -> AsyncIterator[FactSource]:
    layer = Layer.PROVENANCE if name == "provenance" else Layer.REPUTATION
    if fake:
        yield FakeSource(name=name, layer=layer)
        return
    clock = Clock()
    store = MemoryStore(clock=clock)
    async with local_upstream() as upstream, client_of(upstream) as client:
        documents = ProjectDocuments(client, clock=clock)
        match name:
            case "history":
                yield HistorySource()
            case "ownership":
                yield OwnershipSource(documents, ProjectMemory(store, MemoryKind.OWNERS))
            case _:
                memory = ProjectMemory(store, MemoryKind.PUBLISHER)
                yield ProvenanceSource(FakeAttestations({}), memory, documents, index_url=INDEX_URL)


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("name", REAL)
async def test_source__answers_in_its_own_name_with_words_of_its_table(
    name: str, fake: bool
) -> None:
    async with source_called(name, fake=fake) as source:
        answer = await source.ask(question(REF, PAGE))
        assert isinstance(answer, Answer)
        assert (answer.source.name, answer.source.layer) == (source.name, source.layer)
        assert answer.source.told_at is not None
        assert answer.source.reason or answer.source.state is SourceState.MEASURED
        for signal in answer.signals:
            kind = KINDS[signal.name]
            assert (signal.source, signal.layer) == (source.name, source.layer)
            assert signal.live_only is kind.live_only
        for found in answer.findings:
            assert FINDINGS[found.id].source == source.name


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("name", REAL)
async def test_source__without_a_page_answers_or_says_that_it_could_not(
    name: str, fake: bool
) -> None:
    async with source_called(name, fake=fake) as source:
        try:
            answer = await source.ask(question(REF, None))
        except PratiqueError as error:
            assert error.message  # noqa: PT017 - either is right, and each must say why
        else:
            assert answer.source.name == name
