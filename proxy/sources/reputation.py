"""The sources `history` (the project's page) and `ownership` (its JSON document, and who owned it before)."""

from __future__ import annotations

from analyzer.reputation import catalog
from analyzer.reputation.history import History, Upload, gap_before, past_of
from analyzer.reputation.ownership import (
    Compared,
    Ownership,
    OwnersSeen,
    bare,
    compare_owners,
    latest,
    told,
)
from models.errors import UpstreamInvalid, UpstreamNotFound
from models.evidence import Layer
from models.facts import Answer, Source, SourceState
from models.popularity import rank_of
from proxy.inquiry import Question
from proxy.simple.page import ProjectPage
from proxy.sources.documents import Documents
from proxy.sources.memory import ProjectMemory, read_value, uploaded_at


class HistorySource:
    """Age, cadence, gaps, yanks and status; asks nobody, for the page was fetched already."""

    name = catalog.HISTORY
    layer = Layer.REPUTATION

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises PratiqueError where the page does not say."""
        page, ref = question.page, question.ref
        if page is None:
            raise UpstreamNotFound("The index gave no page of the project.")
        at = uploaded_at(page, ref)
        if at is None:
            raise UpstreamInvalid("The index does not say when the file was uploaded.")
        past = past_of(history_of(page), version=ref.version, uploaded_at=at, as_of=question.as_of)
        return Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.MEASURED,
                told_at=question.as_of,
            ),
            signals=past.signals,
            findings=past.findings,
        )


class OwnershipSource:
    """Who owns the project today, and whether that is who owned it when earlier files were seen."""

    name = catalog.OWNERSHIP
    layer = Layer.REPUTATION

    def __init__(self, documents: Documents, memory: ProjectMemory) -> None:
        """`memory` is that of owners."""
        self._documents = documents
        self._memory = memory

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises PratiqueError where it could not ask."""
        document = await self._documents.of(question.ref.project)
        now = document.ownership
        if now is None:
            return Answer(
                source=Source(
                    name=self.name,
                    layer=self.layer,
                    state=SourceState.ABSENT,
                    reason="the index has no document of the project",
                    told_at=document.told_at,
                )
            )
        compared = await self._compared(question, now)
        if compared.remember:
            await self._memory.keep(question.ref, now.identity, at=document.told_at)
        return Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.MEASURED,
                told_at=document.told_at,
            ),
            signals=(*told(now), *compared.signals),
            findings=(*bare(now), *compared.findings),
        )

    async def _compared(self, question: Question, now: Ownership) -> Compared:
        page, ref = question.page, question.ref
        at = uploaded_at(page, ref)
        if page is None or at is None:
            return Compared(remember=False)
        earlier = await self._memory.earlier(question)
        seen = [
            (one.uploaded_at, OwnersSeen(owners=owners, last_seen=one.last_seen))
            for one in earlier
            if (owners := read_value(one.value, tuple[str, ...])) is not None
        ]
        silence = gap_before(history_of(page), version=ref.version, uploaded_at=at)
        return compare_owners(now, latest(seen), uploaded_at=at, silence=silence)


def history_of(page: ProjectPage) -> History:
    """A page, as far as the past is concerned."""
    return History(
        uploads=tuple(
            Upload(version=file.version, at=file.upload_time, yanked=file.is_yanked)
            for file in page.files
        ),
        status=page.status,
        rank=rank_of(page.name),
    )
