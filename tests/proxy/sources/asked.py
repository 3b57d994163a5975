"""Questions, pages and sources of facts as the tests of sources want them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from models.artifact import ArtifactRef, IndexName, Sha256, parse_ref
from models.evidence import Layer
from models.facts import Answer, Source, SourceState
from proxy.inquiry import Question
from proxy.simple.page import IndexFile, ProjectPage

NOW = datetime(2026, 11, 26, tzinfo=UTC)
INDEX = IndexName("pypi")
INDEX_URL = "https://index.test/simple/"


@dataclass
class Clock:
    """Moves when told."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def ref_of(filename: str, sha256: Sha256) -> ArtifactRef:
    project = (
        filename.rsplit("-", 1)[0]
        if filename.endswith(".tar.gz")
        else filename.split("-", maxsplit=1)[0]
    )
    return parse_ref(INDEX, canonicalize_name(project), sha256, filename)


def listed(ref: ArtifactRef, *, days: float = 10, **rest: Any) -> IndexFile:
    """An entry uploaded `days` ago."""
    base = IndexFile(
        filename=ref.filename,
        url=f"https://files.test/{ref.filename}",
        sha256=ref.sha256,
        hashes={"sha256": ref.sha256},
        size=5,
        upload_time=NOW - timedelta(days=days),
    )
    return msgspec.structs.replace(base, **rest)


def page_of(*files: IndexFile, project: str = "", **rest: Any) -> ProjectPage:
    name = project or files[0].filename.rsplit("-", 1)[0]
    base = ProjectPage(name=canonicalize_name(name), files=files, api_version="1.3")
    return replace(base, **rest)


def question(ref: ArtifactRef, page: ProjectPage | None, *, as_of: datetime = NOW) -> Question:
    return Question(ref=ref, page=page, as_of=as_of)


@dataclass
class FakeSource:
    """A source of facts that says what it was told to; the twin of every real one."""

    name: str
    layer: Layer
    says: Answer | None = None
    raises: Exception | None = None
    asked: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if self.raises:
            raise self.raises
        return self.says or Answer(
            source=Source(
                name=self.name,
                layer=self.layer,
                state=SourceState.MEASURED,
                told_at=question.as_of,
            )
        )
