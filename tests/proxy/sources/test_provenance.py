"""The source `provenance`: announced, fetched, verified, remembered, compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from pypi_attestations import AttestationType

from analyzer.provenance.publisher import Publisher, PublisherKind
from analyzer.provenance.verification import Failure, Verification
from models.artifact import ArtifactRef, Sha256
from models.errors import UpstreamError, UpstreamInvalid, UpstreamNotFound, UpstreamTooLarge
from models.facts import Answer, SourceState
from proxy.index.client import UpstreamBounds, UpstreamClient
from proxy.sources.documents import ProjectDocuments
from proxy.sources.memory import ProjectMemory
from proxy.sources.provenance import (
    KEEP,
    KEEP_UNTOLD,
    Announced,
    Attestations,
    FetchedAttestations,
    ProvenanceSource,
    attestation_url,
)
from proxy.sources.trustroot import TrustRoots
from proxy.store.memory import MemoryStore
from proxy.store.port import MemoryKind
from tests.analyzer.provenance import attested
from tests.analyzer.provenance.attested import GITHUB_FILE, GITHUB_SHA, encoded
from tests.proxy.index.local import LocalUpstream, answer, local_upstream
from tests.proxy.sources.asked import INDEX_URL, NOW, Clock, listed, page_of, question, ref_of
from tests.proxy.sources.serving import serve_file

PATH = f"/integrity/{GITHUB_FILE}/provenance"
REF = ref_of(GITHUB_FILE, GITHUB_SHA)
USUAL = Publisher(
    kind=PublisherKind.GITHUB,
    repository="demo/demo",
    repository_id="1",
    owner_id="10",
    workflow="release.yml",
)
STRANGER = replace(USUAL, repository="eve/demo", repository_id="2", owner_id="20")


@dataclass
class FakeAttestations(Attestations):
    """Says what it was told to of each file; the twin of `FetchedAttestations`."""

    known: dict[str, Verification] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def of(self, ref: ArtifactRef, url: str) -> Announced:
        self.asked.append(url)
        if ref.filename not in self.known:
            raise UpstreamNotFound("The upstream has no such project or file.")
        return Announced(verification=self.known[ref.filename], told_at=NOW)


@asynccontextmanager
async def client_of(upstream: LocalUpstream) -> AsyncIterator[UpstreamClient]:
    client = UpstreamClient(upstream.url, bounds=UpstreamBounds(attempts_max=1, retry_wait_s=0.01))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


# -- fetching --------------------------------------------------------------------------------
@pytest.fixture(params=["fetched", "fake"])
async def attestations(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Attestations, str]]:
    """One of each kind, that knows the real attestation of GITHUB_FILE; and the URL of it."""
    if request.param == "fake":
        real = Publisher(
            kind=PublisherKind.GITHUB,
            repository="trailofbits/pypi-attestations",
            repository_id="772247423",
            owner_id="2314423",
            workflow="release.yml",
            ref="refs/tags/v0.0.19",
        )
        known = Verification(
            publishers=(real,), predicates=(AttestationType.PYPI_PUBLISH_V1.value,)
        )
        yield FakeAttestations({GITHUB_FILE: known}), "https://index.test/x"
        return
    async with local_upstream() as upstream, client_of(upstream) as client:
        upstream.always[PATH] = answer(encoded(attested.github()), content_type="application/json")
        clock = Clock()
        roots = TrustRoots(clock=clock)
        url = upstream.url.replace("/simple/", PATH)
        yield FetchedAttestations(client, roots, clock=clock), url


async def test_attestations__a_real_one_is_told_with_its_publisher(
    attestations: tuple[Attestations, str],
) -> None:
    source, url = attestations
    told = await source.of(REF, url)
    assert told.verification.failure is None
    assert told.verification.publishers[0].repository == "trailofbits/pypi-attestations"
    assert told.told_at == NOW


async def test_attestations__none_there_is_not_found(
    attestations: tuple[Attestations, str],
) -> None:
    source, url = attestations
    with pytest.raises(UpstreamNotFound):
        await source.of(replace(REF, filename="other-1.0.tar.gz"), url + "x")


async def test_fetched__is_asked_once_a_day_and_sooner_where_nothing_was_told() -> None:
    async with local_upstream() as upstream, client_of(upstream) as client:
        clock = Clock()
        upstream.always[PATH] = answer(encoded(attested.github()))
        upstream.always["/unknown"] = answer(encoded(attested.staging()))
        fetched = FetchedAttestations(client, TrustRoots(clock=clock), clock=clock)
        base = upstream.url.removesuffix("/simple/")
        other = replace(REF, filename="other-1.0.tar.gz")
        counts = []
        for ahead in (timedelta(), KEEP_UNTOLD - timedelta(seconds=1), KEEP_UNTOLD, KEEP):
            clock.now = NOW + ahead
            await fetched.of(REF, base + PATH)
            told = await fetched.of(other, base + "/unknown")
            assert told.verification.failure is Failure.LOG_UNKNOWN
            counts.append((upstream.paths().count(PATH), upstream.paths().count("/unknown")))
        assert counts == [(1, 1), (1, 1), (1, 2), (2, 3)]


async def test_fetched__a_document_beyond_the_bound_is_not_read() -> None:
    async with local_upstream() as upstream, client_of(upstream) as client:
        upstream.always[PATH] = answer(b" " * (1024 * 1024 + 1))
        fetched = FetchedAttestations(client, TrustRoots(clock=Clock()), clock=Clock())
        with pytest.raises(UpstreamTooLarge):
            await fetched.of(REF, upstream.url.removesuffix("/simple/") + PATH)


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        ("https://index.test/integrity/x", "https://index.test/integrity/x"),
        ("/integrity/x", "https://index.test/integrity/x"),
        ("https://files.test/x", "https://files.test/x"),
        ("https://evil.test/x", None),
        ("http://index.test/x", None),
        ("https://index.test:8443/x", None),
        ("https://u:p@index.test/x", None),
        ("file:///etc/passwd", None),
        ("https://[broken", None),
        (True, None),
        ({"url": "x"}, None),
    ],
)
def test_attestation_url__leads_to_the_index_or_its_files_alone(
    stated: object, url: str | None
) -> None:
    file = listed(REF, extra={"provenance": stated})
    if url is None:
        with pytest.raises(UpstreamInvalid):
            attestation_url(file, INDEX_URL)
    else:
        assert attestation_url(file, INDEX_URL) == url


# -- the source ------------------------------------------------------------------------------
@dataclass
class Bench:
    """The source with fakes around it, and a project of several releases."""

    source: ProvenanceSource
    store: MemoryStore
    attestations: FakeAttestations
    upstream: LocalUpstream
    refs: list[ArtifactRef] = field(default_factory=list)
    unattested: set[str] = field(default_factory=set)

    def release(self, publisher: Publisher | None) -> ArtifactRef:
        number = len(self.refs) + 1
        ref = ref_of(f"reenact_demo-{number}.0.tar.gz", Sha256(f"{number:064x}"))
        self.refs.append(ref)
        if publisher is None:
            self.unattested.add(ref.filename)
        else:
            self.attestations.known[ref.filename] = Verification(publishers=(publisher,))
        return ref

    async def ask(self, ref: ArtifactRef) -> Answer:
        files = [
            listed(
                each,
                days=100 - number,
                extra={}
                if each.filename in self.unattested
                else {"provenance": f"/integrity/{each.filename}"},
            )
            for number, each in enumerate(self.refs)
        ]
        return await self.source.ask(question(ref, page_of(*files, project="reenact-demo")))

    async def serve(self, ref: ArtifactRef) -> None:
        await serve_file(self.store, ref)

    async def found(self, ref: ArtifactRef) -> list[tuple[str, str]]:
        return [(one.id, one.severity.value) for one in (await self.ask(ref)).findings]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = Clock()
    store = MemoryStore(clock=clock)
    fake = FakeAttestations()
    async with local_upstream() as upstream, client_of(upstream) as client:
        source = ProvenanceSource(
            fake,
            ProjectMemory(store, MemoryKind.PUBLISHER),
            ProjectDocuments(client, clock=clock),
            index_url=INDEX_URL,
        )
        yield Bench(source, store, fake, upstream)


async def test_ask__a_verified_file_is_measured_with_its_publisher(bench: Bench) -> None:
    told = await bench.ask(bench.release(USUAL))
    values = {one.name: one.value for one in told.signals}
    assert told.source.state is SourceState.MEASURED
    assert values["provenance.verified"] is True
    assert values["provenance.repository"] == "demo/demo"
    assert bench.attestations.asked == ["https://index.test/integrity/reenact_demo-1.0.tar.gz"]


async def test_ask__another_publisher_than_that_of_a_served_file_is_found(bench: Bench) -> None:
    first = bench.release(USUAL)
    await bench.ask(first)
    await bench.serve(first)
    assert await bench.found(bench.release(USUAL)) == []
    assert await bench.found(bench.release(STRANGER)) == [("publisher-changed", "high")]


async def test_ask__a_file_that_is_not_served_teaches_nothing(bench: Bench) -> None:
    first = bench.release(USUAL)
    await bench.ask(first)
    await bench.serve(first)
    stranger = bench.release(STRANGER)
    assert await bench.found(stranger) == [("publisher-changed", "high")]
    assert await bench.found(stranger) == [("publisher-changed", "high")]
    assert await bench.found(bench.release(STRANGER)) == [("publisher-changed", "high")]


async def test_ask__a_change_that_was_approved_is_told_once(bench: Bench) -> None:
    for publisher in (USUAL, STRANGER):
        ref = bench.release(publisher)
        await bench.ask(ref)
        await bench.serve(ref)
    assert await bench.found(bench.release(STRANGER)) == []


async def test_ask__an_older_release_is_not_measured_by_a_newer_publisher(bench: Bench) -> None:
    old, new = bench.release(STRANGER), bench.release(USUAL)
    await bench.ask(new)
    await bench.serve(new)
    assert await bench.found(old) == []


@pytest.mark.parametrize(
    ("failure", "state", "findings"),
    [
        (Failure.OTHER_DIGEST, SourceState.MEASURED, ["attestation-invalid"]),
        (Failure.SIGNATURE_INVALID, SourceState.MEASURED, ["attestation-invalid"]),
        (Failure.LOG_UNKNOWN, SourceState.MISSING, []),
        (Failure.PUBLISHER_UNKNOWN, SourceState.MISSING, []),
    ],
)
async def test_ask__what_does_not_hold_is_found_and_what_cannot_be_told_is_missing(
    bench: Bench, failure: Failure, state: SourceState, findings: list[str]
) -> None:
    ref = bench.release(USUAL)
    bench.attestations.known[ref.filename] = Verification(failure=failure)
    told = await bench.ask(ref)
    assert told.source.state is state
    assert told.source.reason
    assert [one.id for one in told.findings] == findings
    rows = await bench.store.remembered(ref.index, ref.project, MemoryKind.PUBLISHER)
    assert rows == ()


async def test_ask__none_announced_is_absent_and_a_habit_that_ends_is_found(bench: Bench) -> None:
    for _ in range(3):
        bench.release(USUAL)
    bare = bench.release(None)
    told = await bench.ask(bare)
    assert told.source.state is SourceState.ABSENT
    assert [one.id for one in told.findings] == ["attestation-lost"]
    assert bench.attestations.asked == []


async def test_ask__announced_and_not_there_is_missing(bench: Bench) -> None:
    ref = bench.release(USUAL)
    del bench.attestations.known[ref.filename]
    with pytest.raises(UpstreamInvalid, match="does not have it"):
        await bench.ask(ref)


async def test_ask__an_index_that_never_speaks_of_it_is_missing() -> None:
    async with local_upstream() as upstream, client_of(upstream) as client:
        clock = Clock()
        source = ProvenanceSource(
            FakeAttestations(),
            ProjectMemory(MemoryStore(clock=clock), MemoryKind.PUBLISHER),
            ProjectDocuments(client, clock=clock),
            index_url=INDEX_URL,
        )
        page = page_of(listed(REF), project="pypi-attestations", api_version="1.1")
        with pytest.raises(UpstreamError, match="does not speak"):
            await source.ask(question(REF, page))
        with pytest.raises(UpstreamError, match="does not list"):
            await source.ask(question(REF, None))


async def test_ask__links_that_lead_elsewhere_are_held_against_the_newest_release(
    bench: Bench,
) -> None:
    first, newest = bench.release(USUAL), bench.release(USUAL)
    document = (
        b'{"info":{"name":"reenact-demo","version":"2.0",'
        b'"project_urls":{"Source":"https://github.com/psf/requests"}}}'
    )
    bench.upstream.always["/pypi/reenact-demo/json"] = answer(document)
    assert await bench.found(newest) == [("repository-claim-differs", "medium")]
    assert await bench.found(first) == []
