"""The source `provenance`: fetches what the index announces (PEP 740), verifies it, and compares publishers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from cachetools import LRUCache

from analyzer.provenance import catalog
from analyzer.provenance.claims import claim_differs, claimed_repositories
from analyzer.provenance.continuity import (
    Listed,
    attestation_lost,
    attested_streak,
    publisher_changes,
)
from analyzer.provenance.publisher import Publisher, PublisherKind
from analyzer.provenance.verification import (
    FAILURE_WORDS,
    PROVENANCE_BYTES_MAX,
    Verification,
)
from models.artifact import ArtifactRef
from models.clock import Clock
from models.errors import PratiqueError, UpstreamInvalid, UpstreamNotFound
from models.evidence import Finding, Layer
from models.facts import Answer, FactSignal, Source, SourceState
from proxy.facts import announces_attestation
from proxy.index.client import UpstreamClient, read_bounded
from proxy.inquiry import Question
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.documents import Documents
from proxy.sources.memory import ProjectMemory, read_value, uploaded_at
from proxy.sources.trustroot import TrustRoots

if TYPE_CHECKING:
    from analyzer.provenance.trust import TrustRoot

TOTAL_S = 5.0
"""Seconds for one provenance object; an inquiry gives a source ten."""
CLAIMS_S = 3.0
"""Seconds to wait for the project's links; the source `ownership` asks for them at the same time."""
MEDIA_TYPE = "application/vnd.pypi.integrity.v1+json"
KEPT_MAX = 8_192
"""Verifications kept, below a KB each."""
KEEP = timedelta(days=1)
"""How long a verification that told is kept; bytes, statement and log entry do not change."""
KEEP_UNTOLD = timedelta(minutes=10)
"""The same for one that told nothing: a newer trust root may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What an announced provenance object turned out to be, and when it was fetched."""

    verification: Verification
    told_at: datetime


class Attestations(Protocol):
    """Where announced provenance objects are fetched and verified."""

    async def of(self, ref: ArtifactRef, url: str) -> Announced:
        """The object at `url`, verified for `ref`. Raises UpstreamError."""


class FetchedAttestations:
    """Over the upstream's client; verified off the event loop, kept by file."""

    def __init__(self, client: UpstreamClient, roots: TrustRoots, *, clock: Clock) -> None:
        self._client = client
        self._roots = roots
        self._clock = clock
        self._kept: LRUCache[tuple[str, str], Announced] = LRUCache(maxsize=KEPT_MAX)

    async def of(self, ref: ArtifactRef, url: str) -> Announced:
        """The object at `url`, verified for `ref`. Raises UpstreamError."""
        kept = self._kept.get((ref.sha256, ref.filename))
        if kept is not None and self._clock() - kept.told_at < _keep(kept.verification):
            return kept
        async with self._client.get(
            url, total_s=TOTAL_S, headers={"Accept": MEDIA_TYPE}, keep_host=True
        ) as answer:
            document = await read_bounded(answer, bytes_max=PROVENANCE_BYTES_MAX)
        root = await self._roots.current()
        verification = await asyncio.to_thread(_verified, document, ref, root)
        announced = Announced(verification=verification, told_at=self._clock())
        self._kept[ref.sha256, ref.filename] = announced
        return announced


class NoAttestations:
    """Of an upstream that cannot have any: a folder."""

    async def of(self, ref: ArtifactRef, url: str) -> Announced:
        """Raises UpstreamNotFound."""
        raise UpstreamNotFound(f"A folder has no attestation of {ref.filename} ({url[:100]}).")


class ProvenanceSource:
    """Who published a file, and whether that is who published before."""

    name = catalog.SOURCE
    layer = Layer.PROVENANCE

    def __init__(
        self,
        attestations: Attestations,
        memory: ProjectMemory,
        documents: Documents,
        *,
        index_url: str,
    ) -> None:
        """`memory` is that of publishers; `index_url` is the simple index, without credentials."""
        self._attestations = attestations
        self._memory = memory
        self._documents = documents
        self._index_url = index_url

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises PratiqueError where it could not ask."""
        page, ref = question.page, question.ref
        file = page.file(ref.filename, ref.sha256) if page else None
        if page is None or file is None:
            raise UpstreamNotFound("The index does not list the file.")
        announced = announces_attestation(file, page)
        if announced is None:
            raise UpstreamNotFound("The index does not speak of attestations.")
        if not announced:
            return self._absent(question, page, ref)
        url = attestation_url(file, self._index_url)
        try:
            told = await self._attestations.of(ref, url)
        except UpstreamNotFound as error:
            raise UpstreamInvalid(
                "The index announces an attestation and does not have it."
            ) from error
        return await self._told(question, page, told)

    def _absent(self, question: Question, page: ProjectPage, ref: ArtifactRef) -> Answer:
        before = uploaded_at(page, ref)
        listed = _listed(page)
        return Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.ABSENT,
                reason="the index announces no attestation for this file",
                told_at=question.as_of,
            ),
            signals=(
                catalog.VERIFIED.told(None),
                catalog.ATTESTED_STREAK.told(
                    attested_streak(listed, version=ref.version, before=before)
                ),
            ),
            findings=attestation_lost(
                listed, filename=ref.filename, version=ref.version, before=before
            ),
        )

    async def _told(self, question: Question, page: ProjectPage, told: Announced) -> Answer:
        ref, verification = question.ref, told.verification
        streak = attested_streak(_listed(page), version=ref.version, before=uploaded_at(page, ref))
        if verification.failure is not None:
            mismatch = verification.failure.proves_mismatch
            return Answer(
                source=Source(
                    name=self.name,
                    layer=self.layer,
                    state=SourceState.MEASURED if mismatch else SourceState.MISSING,
                    reason=FAILURE_WORDS[verification.failure],
                    told_at=told.told_at,
                ),
                signals=(
                    *((catalog.VERIFIED.told(False),) if mismatch else ()),
                    catalog.FAILURE.told(verification.failure.value),
                    catalog.ATTESTED_STREAK.told(streak),
                ),
                findings=(catalog.INVALID.found(what=verification.failure.value),)
                if mismatch
                else (),
            )
        signals, findings = await self._compared(question, verification.publishers)
        await self._memory.keep(ref, verification.publishers, at=question.as_of)
        return Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.MEASURED,
                told_at=told.told_at,
            ),
            signals=(
                *_publisher_signals(verification.publishers[0]),
                catalog.ATTESTED_STREAK.told(streak),
                *signals,
            ),
            findings=findings,
        )

    async def _compared(
        self, question: Question, publishers: tuple[Publisher, ...]
    ) -> tuple[tuple[FactSignal, ...], tuple[Finding, ...]]:
        """Against earlier publishers, and against the project's links."""
        earlier = await self._memory.earlier(question)
        before: list[Publisher] = []
        for one in earlier:
            for old in read_value(one.value, tuple[Publisher, ...]) or ():
                if old not in before:
                    before.append(old)
        remembered = catalog.PUBLISHERS_REMEMBERED.told(len(before))
        claimed = await self._claimed(question.ref)
        named = catalog.REPOSITORY_CLAIMED.told(claimed[0][1][:300] if claimed else None)
        findings = publisher_changes(publishers, before)
        for publisher in publishers[:1]:
            findings += claim_differs(question.ref.project, publisher, claimed)
        return (remembered, named), findings

    async def _claimed(self, ref: ArtifactRef) -> tuple[tuple[PublisherKind, str], ...]:
        """Repositories that the links name; none where the index shows those of another release."""
        try:
            async with asyncio.timeout(CLAIMS_S):
                document = await self._documents.of(ref.project)
        except (PratiqueError, TimeoutError):
            return ()  # the source `ownership` says that it could not ask
        ownership = document.ownership
        if ownership is None or ownership.version != ref.version:
            return ()
        return claimed_repositories(ownership.links)


def attestation_url(file: IndexFile, index_url: str) -> str:
    """Where a file's provenance lies: on the index's own host, or on the file's. Raises UpstreamInvalid.

    The page is upstream's, but a page may be wrong: nothing sends us elsewhere (PEP 740).
    """
    stated = file.extra.get("provenance")
    if not isinstance(stated, str):
        raise UpstreamInvalid("The index announces an attestation without a URL.")
    try:
        url = urljoin(index_url, stated)
        place, index, store = urlsplit(url), urlsplit(index_url), urlsplit(file.url)
        allowed = {(one.scheme, one.hostname, one.port) for one in (index, store)}
        here = (place.scheme, place.hostname, place.port)
    except ValueError as error:
        raise UpstreamInvalid("The index announces an attestation at no URL.") from error
    if here not in allowed or "@" in place.netloc:
        raise UpstreamInvalid("The index announces an attestation on another host.")
    return url


def _verified(document: bytes, ref: ArtifactRef, root: TrustRoot) -> Verification:
    from analyzer.provenance.verify import verify  # noqa: PLC0415 - a third of a second, for whoever needs it

    return verify(document, filename=ref.filename, sha256=ref.sha256, root=root)


def _keep(verification: Verification) -> timedelta:
    untold = verification.failure is not None and not verification.failure.proves_mismatch
    return KEEP_UNTOLD if untold else KEEP


def _listed(page: ProjectPage) -> tuple[Listed, ...]:
    return tuple(
        Listed(
            filename=file.filename,
            version=file.version,
            uploaded_at=file.upload_time,
            attested=bool(file.extra.get("provenance")),
        )
        for file in page.files
    )


def _publisher_signals(publisher: Publisher) -> tuple[FactSignal, ...]:
    return (
        catalog.VERIFIED.told(True),
        catalog.PUBLISHER_KIND.told(publisher.kind.value),
        catalog.REPOSITORY.told(publisher.repository or None),
        catalog.REPOSITORY_ID.told(publisher.repository_id or None),
        catalog.OWNER_ID.told(publisher.owner_id or None),
        catalog.WORKFLOW.told(publisher.workflow or None),
        catalog.ENVIRONMENT.told(publisher.environment or None),
        catalog.REF.told(publisher.ref or None),
    )
