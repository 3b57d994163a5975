"""`/workers`: who analyses, when they were last heard of, what they do, and the end of trust in one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from models.errors import ValueInvalid
from models.work import Job, JobState
from proxy.admin.access import Role
from proxy.admin.workers import distrust
from proxy.store.port import TokenKind
from proxy.tokens import EMBEDDED
from proxy.web.admin.frame import Frame, field, see

JOBS_SHOWN = 200
"""Open jobs that the page looks through and shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker as the page shows it."""

    name: str
    active: bool
    """Whether it has a token that opens something."""
    posts: int
    last: datetime | None
    """When it last posted evidence, or prolonged a lease."""
    distrusted_at: datetime | None
    jobs: tuple[Job, ...]
    embedded: bool


class Workers:
    """Handlers of `/workers`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /workers."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        store = self._frame.door.store
        jobs, queue = await asyncio.gather(store.jobs(limit=JOBS_SHOWN), store.queue_state())
        return self._frame.show(
            request,
            who,
            "admin/workers.html",
            here="workers",
            rows=await self._rows(jobs),
            queue=queue,
            jobs=jobs,
        )

    async def distrust(self, request: web.Request) -> web.StreamResponse:
        """POST /workers/{name}/distrust: leave out all that it posted; its decisions go on hold."""
        who, form = await self._frame.post(request, Role.ADMIN)
        name = request.match_info["name"]
        if field(form, "sure") != name:
            raise ValueInvalid(
                "The name that you typed is not the worker's.",
                next_step="Type its name to say that you mean it; this cannot be undone.",
            )
        await distrust(self._frame.door.store, who, name)
        self._frame.door.nudge()
        return see("/workers")

    async def _rows(self, jobs: tuple[Job, ...]) -> list[WorkerRow]:
        store, now = self._frame.door.store, self._frame.door.clock()
        tokens, seen = await asyncio.gather(
            store.tokens(kind=TokenKind.WORKER), store.workers_seen()
        )
        active = {token.name for token in tokens if token.active(now)}
        known = {one.name: one for one in seen}
        rows = []
        for name in sorted(active | set(known)):
            one = known.get(name)
            theirs = tuple(j for j in jobs if j.worker == name and j.state is JobState.LEASED)
            times = [job.updated_at for job in theirs]
            if one is not None and one.posted_at is not None:
                times.append(one.posted_at)
            rows.append(
                WorkerRow(
                    name=name,
                    active=name in active,
                    posts=one.posts if one else 0,
                    last=max(times, default=None),
                    distrusted_at=one.distrusted_at if one else None,
                    jobs=theirs,
                    embedded=name == EMBEDDED,
                )
            )
        return rows
