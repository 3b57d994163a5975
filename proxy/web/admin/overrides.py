"""`/overrides`: human exceptions: those in force and those that ended, a new one, the end of one."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from models.artifact import parse_project, parse_sha256
from models.decision import OverrideAction
from proxy.admin.access import Role
from proxy.admin.review import add_exception, end_exception
from proxy.web.admin.frame import (
    ROWS,
    Frame,
    before_of,
    chosen,
    field,
    form_values,
    listed,
    number_of,
    see,
)

SOON = timedelta(days=14)
"""What ends within that time is marked: somebody may want to prolong it."""
VIEWS = {"active": "in force", "all": "all"}
"""What the page shows, in words."""


class Overrides:
    """Handlers of `/overrides`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /overrides?view=&before=."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        view = chosen(request.query.get("view", "active"), VIEWS, what="view")
        before = before_of(request)
        now = self._frame.door.clock()
        rows = await self._frame.door.store.overrides_page(
            active_at=now if view == "active" else None, before=before, limit=ROWS + 1
        )
        return self._frame.show(
            request,
            who,
            "admin/overrides.html",
            here="overrides",
            view=view,
            views=VIEWS,
            files=listed(rows, lambda row: row[0], before=before),
            soon=now + SOON,
            form=form_values(self._frame),
            actions=[action.value for action in OverrideAction],
            project=request.query.get("project", "")[:214],
        )

    async def add(self, request: web.Request) -> web.StreamResponse:
        """POST /overrides."""
        who, form = await self._frame.post(request, Role.REVIEWER)
        project = field(form, "project")
        sha256 = field(form, "sha256").lower().removeprefix("sha256:")
        name = parse_project(project) if project else None
        digest = parse_sha256(sha256) if sha256 else None
        specifier = field(form, "specifier")
        await add_exception(
            self._frame.door.store,
            who,
            action=chosen(field(form, "action"), OverrideAction, what="action"),
            project=name,
            specifier=specifier,
            sha256=digest,
            bound=await self._frame.existing(name, specifier) if name and not digest else (),
            future=field(form, "future") == "yes",
            justification=field(form, "justification"),
            days=number_of(field(form, "days")),
            policy=self._frame.policy,
            clock=self._frame.door.clock,
        )
        self._frame.door.nudge()
        return see("/overrides")

    async def end(self, request: web.Request) -> web.StreamResponse:
        """POST /overrides/{override_id}/end."""
        who, _ = await self._frame.post(request, Role.REVIEWER)
        door = self._frame.door
        await end_exception(door.store, who, request.match_info["override_id"], clock=door.clock)
        door.nudge()
        return see("/overrides")
