"""What advisories say of a file: the source for facts, and the question asked before all others.

It reads the store alone, so it can be asked while upstream is down, and again at every judgement.
Old records still count when a feed was not read for long: what they name is known. What they do
not name is then not clean but *missing*, and the reason says since when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from packaging.utils import canonicalize_version

from analyzer.advisories.meaning import FINDING_IDS, SOURCE, findings_of, signals_of
from models.artifact import ArtifactRef, IndexName, Sha256
from models.evidence import Finding, Layer
from models.facts import (
    FACT_FINDINGS_MAX,
    FACT_SIGNALS_MAX,
    FACTS_SCHEMA_VERSION,
    Answer,
    Facts,
    Source,
    SourceState,
)
from models.trust.findings import worst_first
from proxy.inquiry import Question
from proxy.simple.page import ProjectPage
from proxy.store.port import Feed, Store

STALE_AFTER = timedelta(days=7)
"""Age from which a feed's silence says nothing (ours): malicious releases live for hours or days
before they are reported, and records follow daily."""
NO_FEED = "no feed of advisories; add one with `pratique feeds update SOURCE` or the setting feeds"


class AdvisorySource:
    """A FactSource over the feeds in the store; `expected` are the names of those in the settings."""

    name = SOURCE
    layer = Layer.REPUTATION

    def __init__(
        self,
        store: Store,
        *,
        expected: Sequence[str] = (),
        stale_after: timedelta = STALE_AFTER,
    ) -> None:
        self._store = store
        self._expected = tuple(expected)
        self._stale_after = stale_after

    async def ask(self, question: Question) -> Answer:
        """The answer about a file. Raises StoreError."""
        return await self.told(question.ref, question.as_of)

    async def told(self, ref: ArtifactRef, as_of: datetime) -> Answer:
        """The same by ref. Raises StoreError."""
        feeds = await self._store.feeds()
        if not feeds and not self._expected:
            return Answer(source=self._source(SourceState.OFF, NO_FEED))
        advisories = await self._store.advisories_about(ref.project, ref.sha256)
        trouble = trouble_of(feeds, self._expected, as_of, self._stale_after)
        if trouble:
            source = self._source(SourceState.MISSING, trouble)
        else:
            source = self._source(SourceState.MEASURED if advisories else SourceState.ABSENT)
        read = [feed.succeeded_at for feed in feeds if feed.succeeded_at is not None]
        return Answer(
            source=replace(source, told_at=min(read, default=None)),
            signals=signals_of(advisories, ref, as_of),
            findings=findings_of(advisories, ref, as_of),
        )

    async def proves(self, ref: ArtifactRef, as_of: datetime) -> bool:
        """Whether a record proves `ref` malicious. Raises StoreError."""
        advisories = await self._store.advisories_about(ref.project, ref.sha256)
        return has_proof(findings_of(advisories, ref, as_of))

    async def known_files(
        self, page: ProjectPage, index: IndexName, as_of: datetime
    ) -> frozenset[Sha256]:
        """The files of a page that records of its project prove malicious. Raises StoreError.

        By name, so that one question is enough for a page: bytes that are known from another
        project are found when the file itself is asked for.
        """
        advisories = await self._store.advisories_about(page.name)
        if not advisories:
            return frozenset()
        versions = {v for one in advisories for own in one.affected for v in own.versions}
        digests = {d for one in advisories for own in one.affected for d in own.sha256s}
        suspects = [
            ArtifactRef(index=index, project=page.name, filename=file.filename, sha256=file.sha256)
            for file in page.files
            if file.sha256 is not None
            and (file.sha256 in digests or canonicalize_version(file.version) in versions)
        ]
        return frozenset(
            ref.sha256 for ref in suspects if has_proof(findings_of(advisories, ref, as_of))
        )

    def _source(self, state: SourceState, reason: str = "") -> Source:
        return Source(name=self.name, layer=self.layer, state=state, reason=reason[:300])


def trouble_of(
    feeds: Sequence[Feed], expected: Sequence[str], as_of: datetime, stale_after: timedelta
) -> str:
    """What is wrong with the first feed that cannot speak for today; empty where all can."""
    known = {feed.name: feed.succeeded_at for feed in feeds}
    for name in sorted({*known, *expected}):
        read_at = known.get(name)
        if read_at is None:
            return f"the feed {name} was never read"
        if as_of - read_at > stale_after:
            return f"the feed {name} was last read {(as_of - read_at).days} days ago"
    return ""


def has_proof(findings: Sequence[Finding]) -> bool:
    """Whether one of them blocks by itself."""
    return any(finding.proof is not None for finding in findings)


def own_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that come from advisories."""
    return tuple(finding for finding in findings if finding.id in FINDING_IDS)


def with_advisories(facts: Facts, answer: Answer) -> Facts:
    """`facts` with what advisories say now; the very same, and their digest, where it is no other.

    When the feeds were read is no reason to call it another: each reading would be a new decision.
    """
    before = facts.source(SOURCE)
    kept = tuple(finding for finding in facts.findings if finding.id not in FINDING_IDS)
    findings = worst_first(kept + answer.findings)[:FACT_FINDINGS_MAX]
    others = tuple(signal for signal in facts.signals if signal.source != SOURCE)
    own = tuple(signal for signal in facts.signals if signal.source == SOURCE)
    same_source = before is not None and replace(before, told_at=None) == replace(
        answer.source, told_at=None
    )
    if same_source and findings == facts.findings and own == answer.signals:
        return facts
    sources = [source for source in facts.sources if source.name != SOURCE]
    return replace(
        facts,
        schema_version=FACTS_SCHEMA_VERSION,
        sources=tuple(sorted([*sources, answer.source], key=lambda source: source.name)),
        signals=tuple(sorted((*others, *answer.signals), key=lambda s: s.source))[
            :FACT_SIGNALS_MAX
        ],
        findings=findings,
    )
