"""`/projects/…`: a project and a release: each file with its decision, score, age and exceptions."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from aiohttp import web
from packaging.utils import NormalizedName

from models.artifact import parse_project, version_of
from models.errors import UpstreamNotFound
from models.reason import sentence
from proxy.admin.access import Role
from proxy.store.pages_port import Recorded
from proxy.web.admin.frame import ROWS, Frame, before_of, listed, see
from proxy.web.bands import band_of

FILES_OF_RELEASE_MAX = 200
"""Files of one release on its page; the largest on PyPI have some 100."""
HISTORIES_MAX = 20
"""Files of a release whose history is told."""
HISTORY_ROWS = 8
"""Decisions of one file's history that are told."""
VERSIONS_SHOWN = 60
"""Versions that a project's page links to."""


class Projects:
    """Handlers of `/projects`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def search(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /projects?name=: to a project; without a name, where to give one."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        name = request.query.get("name", "").strip()
        if name:
            return see(f"/projects/{quote(str(parse_project(name)))}")
        recent = await self._frame.door.store.decisions(limit=200)
        names = sorted({str(decision.ref.project) for decision in recent})
        return self._frame.show(
            request, who, "admin/projects.html", here="projects", names=names[:60]
        )

    async def project(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /projects/{project}."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        name = parse_project(request.match_info["project"])
        before = before_of(request)
        store = self._frame.door.store
        rows, named, overrides = await asyncio.gather(
            store.files_of(name, before=before, limit=ROWS + 1),
            store.filenames_of(name),
            store.overrides(project=name),
        )
        if not named:
            raise UpstreamNotFound(
                f"Nobody has asked for {name} here.", next_step="Look at how its name is spelt."
            )
        files = listed(rows, lambda row: row.number, before=before)
        return self._frame.show(
            request,
            who,
            "admin/project.html",
            here="projects",
            project=name,
            files=files,
            rows=told(files.rows),
            total=len(named),
            versions=versions_of(named),
            versions_shown=VERSIONS_SHOWN,
            overrides=[one for one in overrides if one.project == name][-20:],
        )

    async def release(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /projects/{project}/{version}."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        name = parse_project(request.match_info["project"])
        version = request.match_info["version"]
        files = await self._files(name, version)
        store = self._frame.door.store
        some = files[:HISTORIES_MAX]
        histories = await asyncio.gather(
            *(store.history(row.decision.ref, limit=HISTORY_ROWS) for row in some)
        )
        overrides = await store.overrides(project=name)
        digests = {row.decision.ref.sha256 for row in files}
        return self._frame.show(
            request,
            who,
            "admin/release.html",
            here="projects",
            project=name,
            version=version,
            rows=told(files),
            histories=[
                (row.decision.ref.filename, told(past))
                for row, past in zip(some, histories, strict=True)
            ],
            overrides=[
                one
                for one in overrides
                if one.project == name or (one.sha256 is not None and one.sha256 in digests)
            ][-20:],
        )

    async def _files(self, name: NormalizedName, version: str) -> tuple[Recorded, ...]:
        store = self._frame.door.store
        numbers = [
            number
            for number, filename in await store.filenames_of(name)
            if version_of(filename) == version
        ]
        rows = await store.recorded(numbers[:FILES_OF_RELEASE_MAX])
        if not rows:
            raise UpstreamNotFound(f"Nobody has asked for {name} {version[:50]} here.")
        return rows


def told(rows: tuple[Recorded, ...]) -> list[tuple[Recorded, str, str, str]]:
    """(row, verdict, band, first cause) of each."""
    return [
        (
            row,
            row.decision.verdict(),
            band_of(row.decision),
            sentence(row.decision.reasons[0]) if row.decision.reasons else "",
        )
        for row in rows
    ]


def versions_of(named: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    """The versions of some files, the one decided last first."""
    return tuple(dict.fromkeys(version for _, name in named if (version := version_of(name))))
