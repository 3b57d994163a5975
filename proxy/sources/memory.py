"""What a project showed with its earlier files, as far as those are served here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from models.artifact import ArtifactRef, Sha256
from models.errors import StoreError
from proxy.inquiry import Question
from proxy.simple.page import ProjectPage
from proxy.store.port import MemoryKind, Remembered, Store

LOG = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier, served file showed."""

    uploaded_at: datetime
    value: str
    last_seen: datetime


class ProjectMemory:
    """Trust on first use, and only of what is served.

    Every file that is asked about is written down; whether it counts is looked up when another one
    is compared with it: it counts while a decision serves it. So a release that is held or denied
    never becomes what its successors are measured by, and one that is denied later ceases to be.
    """

    def __init__(self, store: Store, kind: MemoryKind) -> None:
        self._store = store
        self._kind = kind

    async def earlier(self, question: Question) -> tuple[Earlier, ...]:
        """What served files showed that were uploaded before this one, the oldest upload first."""
        ref, page = question.ref, question.page
        rows = await self._store.remembered(ref.index, ref.project, self._kind)
        own = uploaded_at(page, ref)
        if not rows:
            return ()
        served = await self._store.served_files(ref.index, ref.project)
        trusted = {one.ref.sha256 for one in served} - {ref.sha256}
        times = _times(page)
        found = [
            Earlier(
                uploaded_at=times.get(row.sha256) or row.first_seen,
                value=row.value,
                last_seen=row.last_seen,
            )
            for row in rows
            if row.sha256 in trusted
        ]
        before = [one for one in found if own is None or one.uploaded_at <= own]
        return tuple(sorted(before, key=lambda one: one.uploaded_at))

    async def keep(self, ref: ArtifactRef, value: object, *, at: datetime) -> None:
        """Write down what this file shows. A store that fails costs the memory, not the answer."""
        seen = Remembered(
            index=ref.index,
            project=ref.project,
            kind=self._kind,
            sha256=ref.sha256,
            value=msgspec.json.encode(value, order="sorted").decode(),
            first_seen=at,
            last_seen=at,
        )
        try:
            await self._store.remember(seen)
        except StoreError as error:
            LOG.warning("project_not_remembered", project=ref.project, error=error.message)


def read_value(text: str, kind: type[T]) -> T | None:
    """A remembered value; None where another version of Pratique wrote it otherwise."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None


def uploaded_at(page: ProjectPage | None, ref: ArtifactRef) -> datetime | None:
    """When the index took the file; None where it does not say."""
    file = page.file(ref.filename, ref.sha256) if page else None
    return file.upload_time if file else None


def _times(page: ProjectPage | None) -> Mapping[Sha256, datetime]:
    files = page.files if page else ()
    return {
        file.sha256: file.upload_time
        for file in files
        if file.sha256 and file.upload_time is not None
    }
