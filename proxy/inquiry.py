"""Asking every source about a file: one bounded question each, put together as dated Facts.

A source that fails or is slow costs only itself: it is *missing*, with the reason, and the others
stand. What each found is kept apart from what the index says of the file (`proxy.facts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from models.artifact import ArtifactRef
from models.clock import Clock
from models.errors import PratiqueError, UpstreamNotFound
from models.evidence import Layer
from models.facts import (
    FACT_FINDINGS_MAX,
    FACT_SIGNALS_MAX,
    Answer,
    Facts,
    Source,
    SourceState,
)
from models.trust.findings import worst_first
from models.trust.layers import PAGE
from proxy.errands import Pages
from proxy.facts import gather
from proxy.simple.page import ProjectPage

LOG = structlog.get_logger()

SOURCE_S = 10.0
"""Seconds that one source may take; all are asked at once, and a hearing waits 20 s for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a source is asked about. `page` None: the index has no such project, or did not say."""

    ref: ArtifactRef
    page: ProjectPage | None
    as_of: datetime


class FactSource(Protocol):
    """Somebody to ask; each real one has a fake, and both pass one contract test."""

    @property
    def name(self) -> str:
        """As it stands in `Source.name`."""

    @property
    def layer(self) -> Layer:
        """The layer that its answer belongs to."""

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises PratiqueError where it could not ask; its message is the reason."""


class Inquiry:
    """All sources of one proxy."""

    def __init__(self, sources: Sequence[FactSource] = (), *, source_s: float = SOURCE_S) -> None:
        self._sources = tuple(sources)
        self._source_s = source_s

    @property
    def sources(self) -> tuple[FactSource, ...]:
        """Everybody who is asked."""
        return self._sources

    def only(self, layers: Collection[Layer]) -> Inquiry:
        """The same, without the sources of other layers."""
        kept = tuple(source for source in self._sources if source.layer in layers)
        return Inquiry(kept, source_s=self._source_s)

    async def facts(self, ref: ArtifactRef, page: ProjectPage | None, as_of: datetime) -> Facts:
        """What is known about `ref` at `as_of`. Never raises for what a source could not say."""
        base = (
            Facts(ref=ref, as_of=as_of, missing=(PAGE,))
            if page is None
            else gather(page, ref, as_of)
        )
        question = Question(ref=ref, page=page, as_of=as_of)
        answers = await asyncio.gather(*(self._ask(source, question) for source in self._sources))
        return with_answers(base, answers)

    async def _ask(self, source: FactSource, question: Question) -> Answer:
        try:
            async with asyncio.timeout(self._source_s):
                return await source.ask(question)
        except TimeoutError:
            why = f"it did not answer within {self._source_s:g} s"
        except PratiqueError as error:
            why = error.message
        except Exception:  # task edge: one odd answer must not cost the file its other facts
            LOG.exception("source_failed", source=source.name, filename=question.ref.filename)
            why = "it failed; the log says more"
        LOG.info("source_missing", source=source.name, project=question.ref.project, why=why[:300])
        return Answer(
            source=Source(
                name=source.name,
                layer=source.layer,
                state=SourceState.MISSING,
                reason=why[:300],
            )
        )


class Knowledge:
    """What is known of a file, by its page alone or by every source."""

    def __init__(self, pages: Pages, sources: Sequence[FactSource], *, clock: Clock) -> None:
        self._pages = pages
        self._inquiry = Inquiry(sources)
        self._clock = clock

    async def facts(self, ref: ArtifactRef) -> Facts:
        """All that is known, also of a project without a page. Raises UpstreamUnavailable."""
        page: ProjectPage | None
        try:
            page = await self._pages.project(ref.project)
            if page.index != ref.index:
                page = None  # the name was moved: another upstream's page says nothing of this file
        except UpstreamNotFound:
            page = None  # it has none; what else is known may still be said
        return await self._inquiry.facts(ref, page, self._clock())

    async def announced(self, ref: ArtifactRef) -> Facts:
        """What its page says, at once. Raises UpstreamError."""
        return gather(await self._pages.project(ref.project), ref, self._clock())


def with_answers(base: Facts, answers: Sequence[Answer]) -> Facts:
    """`base` with what sources said, in an order that does not depend on who was first. Bounded."""
    ordered = sorted(answers, key=lambda answer: answer.source.name)
    findings = worst_first(tuple(found for answer in ordered for found in answer.findings))
    signals = [signal for answer in ordered for signal in answer.signals]
    return replace(
        base,
        sources=tuple(answer.source for answer in ordered),
        signals=tuple(signals[:FACT_SIGNALS_MAX]),
        findings=findings[:FACT_FINDINGS_MAX],
    )
