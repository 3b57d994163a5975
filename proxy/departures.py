"""What an index took away, or changed under its name: noticed as its pages change, kept, and told.

What was approved goes on (DESIGN.md, invariant 3), whether its index is down, deletes a release or
hides a whole project. Other bytes under the name of an approved file are refused: an index whose
files may change is no index, and whoever can do that there is not who uploaded the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import structlog
from cachetools import TTLCache
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, parse_ref
from models.clock import Clock
from models.decision import Decision, Override, OverrideAction
from models.errors import UpstreamInvalid, ValueInvalid
from proxy.admin.events import Event, EventKind
from proxy.simple.negotiate import Format
from proxy.simple.page import NOWHERE, IndexFile, ProjectPage
from proxy.simple.parse import parse_json
from proxy.simple.render import render_project
from proxy.store.departures_port import DEPARTURE_BYTES_MAX, Departure
from proxy.store.port import Store

LOG = structlog.get_logger()

ACTOR = "pratique"
"""Whose denial of changed bytes it is."""
DENIED_DAYS = 3_650
"""Days that changed bytes are denied; an admin may end it at any moment."""
BELIEVED_S = 30.0
"""Seconds until what another process noticed is seen in this one."""
PROJECTS_MAX = 8_192
"""Projects whose departures are remembered, most of which have none."""
NAMED_MAX = 5
"""Files that an event names; it counts the rest."""

_STORED_URL = "https://departed.invalid/"


class Departures:
    """Compares pages as they change, and knows what is gone."""

    def __init__(self, store: Store, *, clock: Clock, origin: str = "") -> None:
        self._store = store
        self._clock = clock
        self._origin = origin
        self._known: TTLCache[tuple[IndexName, NormalizedName], tuple[IndexFile, ...]] = TTLCache(
            PROJECTS_MAX, BELIEVED_S
        )

    async def notice(
        self, index: IndexName, before: ProjectPage, after: ProjectPage | None
    ) -> None:
        """A project's page changed; `after` None: its index has no such project any more.

        Only files with a decision of ours are looked at. Raises StoreError, upon which the page
        must not be taken for the new one: it would never be compared again.
        """
        project = before.name
        decided = {one.ref: one for one in await self._store.decisions_of(index, project)}
        if not decided:
            return
        there = _refs(index, after) if after is not None else {}
        gone = {
            ref: file
            for ref, file in _refs(index, before).items()
            if ref in decided and ref not in there
        }
        changed = _changed(gone, there, decided)
        for ref, other in changed.items():
            await self._deny(ref, other)
        now = self._clock()
        await self._store.depart(
            [
                Departure(ref=ref, since=now, entry=entry)
                for ref, file in gone.items()
                if len(entry := _entry(project, file)) <= DEPARTURE_BYTES_MAX
            ],
            telling=tuple(self._events(gone, changed, decided, now, whole=after is None)),
        )
        if gone:
            LOG.warning("files_departed", project=project, files=len(gone), changed=len(changed))
            await self._store.want_watched(project)
        known = await self._store.departures(index, project)
        back = [one.ref for one in known if one.ref in there]
        if back:
            LOG.info("files_came_back", project=project, files=len(back))
            await self._store.came_back(back)
        self._known.pop((index, project), None)

    async def of(self, index: IndexName, project: NormalizedName) -> tuple[IndexFile, ...]:
        """The files of a project that its index lists no more. Raises StoreError."""
        key = (index, project)
        files = self._known.get(key)
        if files is None:
            files = tuple(_files(await self._store.departures(index, project)))
            self._known[key] = files
        return files

    def at_hand(self, index: IndexName, project: NormalizedName) -> tuple[IndexFile, ...] | None:
        """What `of` gave a moment ago; None where that is forgotten."""
        return self._known.get((index, project))

    async def _deny(self, ref: ArtifactRef, other: ArtifactRef) -> None:
        """Refuse the bytes that took the place of an approved file's."""
        override = Override(
            id=_denial_id(other),
            action=OverrideAction.DENY,
            project=ref.project,
            specifier="",
            sha256=other.sha256,
            bound=(),
            future=False,
            above_proof=False,
            actor=ACTOR,
            justification=(
                f"The index changed the bytes of a file that was approved: it had the sha256 "
                f"{ref.sha256}"
            ),
            created_at=self._clock(),
            expires_at=self._clock() + timedelta(days=DENIED_DAYS),
        )
        # Once: an admin who ended the denial has looked at these bytes.
        for one in await self._store.overrides(project=ref.project):
            if one.id == override.id:
                return
        await self._store.add_override(override)

    def _events(
        self,
        gone: Mapping[ArtifactRef, IndexFile],
        changed: Mapping[ArtifactRef, ArtifactRef],
        decided: Mapping[ArtifactRef, Decision],
        at: datetime,
        *,
        whole: bool,
    ) -> Iterable[Event]:
        served = [ref for ref in gone if decided[ref].served and ref not in changed]
        if served:
            ref = served[0]
            what = "has no such project any more" if whole else "no longer lists them"
            yield Event(
                kind=EventKind.FILES_DEPARTED,
                at=at,
                subject=f"{ref.project} on {ref.index}",
                sentence=(
                    f"Approved files of {ref.project} departed ({len(served)}): the index {what}. "
                    "They stay available here. Find out why: indexes remove malware, too."
                ),
                url=self._url(ref),
                facts=(("files", str(len(served))), *_named(served)),
            )
        for ref, other in changed.items():
            yield Event(
                kind=EventKind.BYTES_CHANGED,
                at=at,
                subject=f"{ref.project} {ref.version}",
                sentence=(
                    f"The index lists other bytes as {ref.filename} than those approved. "
                    "They are refused; the approved ones stay available here."
                ),
                url=self._url(ref),
                facts=(
                    ("filename", ref.filename),
                    ("approved", ref.sha256),
                    ("refused", other.sha256),
                ),
            )

    def _url(self, ref: ArtifactRef) -> str:
        return f"{self._origin}/projects/{ref.project}" if self._origin else ""


def with_departed(
    project: NormalizedName,
    page: ProjectPage | None,
    departed: Sequence[IndexFile],
    *,
    index: IndexName = NOWHERE,
) -> ProjectPage | None:
    """A page with the files that its index lists no more; None where there is nothing to show."""
    if not departed:
        return page
    page = page or ProjectPage(name=project, api_version="1.1", index=index)
    listed = {(file.filename, file.sha256) for file in page.files}
    kept = [file for file in departed if (file.filename, file.sha256) not in listed]
    versions = dict.fromkeys((*page.versions, *(file.version for file in kept if file.version)))
    return replace(page, files=(*page.files, *kept), versions=tuple(versions))


def _refs(index: IndexName, page: ProjectPage) -> dict[ArtifactRef, IndexFile]:
    found = {}
    for file in page.files:
        if file.sha256 is not None:
            try:
                found[parse_ref(index, page.name, file.sha256, file.filename)] = file
            except ValueInvalid:
                continue
    return found


def _changed(
    gone: Iterable[ArtifactRef],
    there: Iterable[ArtifactRef],
    decided: Mapping[ArtifactRef, Decision],
) -> dict[ArtifactRef, ArtifactRef]:
    """Approved files whose name another digest has now, with that."""
    by_name = {ref.filename: ref for ref in there}
    return {
        ref: by_name[ref.filename]
        for ref in gone
        if decided[ref].served and ref.filename in by_name
    }


def _named(refs: Sequence[ArtifactRef]) -> Iterable[tuple[str, str]]:
    for number, ref in enumerate(refs[:NAMED_MAX], start=1):
        yield f"file {number}", ref.filename


def _entry(project: NormalizedName, file: IndexFile) -> bytes:
    return render_project(ProjectPage(name=project, files=(file,)), format=Format.JSON_V1)


def _files(departures: Iterable[Departure]) -> Iterable[IndexFile]:
    for one in departures:
        try:
            page = parse_json(one.entry, _STORED_URL, project=one.ref.project, index=one.ref.index)
        except UpstreamInvalid:
            LOG.error("departure_unreadable", filename=one.ref.filename)
            continue
        for file in page.files:
            yield msgspec.structs.replace(file, departed_at=one.since)


def _denial_id(other: ArtifactRef) -> str:
    words = f"{other.index}\n{other.project}\n{other.filename}\n{other.sha256}"
    return "changed-" + hashlib.sha256(words.encode()).hexdigest()[:12]
