"""`/requests`: who asked for an exception, why, and what became of it."""

from __future__ import annotations

from aiohttp import web

from models.errors import StoreConflict, UpstreamNotFound
from models.reason import sentence
from proxy.admin.access import Role
from proxy.admin.exceptions import Ask, Terms
from proxy.store.exceptions_port import RequestState, Scope
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

ACTS = ("approve", "refuse", "withdraw")
"""What may be done with a request."""
VIEWS = {"open": "waiting", "all": "all"}
"""What the list shows, in words."""


class Requests:
    """Handlers of `/requests`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /requests?view=&before=."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        view = chosen(request.query.get("view", "open"), VIEWS, what="view")
        before = before_of(request)
        rows = await self._frame.door.store.requests(
            state=RequestState.OPEN if view == "open" else None, before=before, limit=ROWS + 1
        )
        return self._frame.show(
            request,
            who,
            "admin/requests.html",
            here="requests",
            view=view,
            views=VIEWS,
            files=listed(rows, lambda row: row[0], before=before),
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /requests/{request_id}."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        found = await self._frame.door.store.request(request.match_info["request_id"])
        if found is None:
            raise UpstreamNotFound("There is no request of that id.")
        decision = await self._frame.door.store.decision_by_id(found[1].decision_id)
        return self._frame.show(
            request,
            who,
            "admin/request.html",
            here="requests",
            one=found[1],
            sentences=[sentence(reason) for reason in decision.reasons] if decision else [],
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /requests/{request_id}: approve, refuse or withdraw; whoever comes second is told."""
        who, form = await self._frame.post(request, Role.REQUESTER)
        exceptions, id_ = self._frame.exceptions, request.match_info["request_id"]
        text = field(form, "answer")
        match chosen(field(form, "action"), ACTS, what="answer"):
            case "approve":
                await exceptions.approve(who, id_, Terms(answer=text))
            case "refuse":
                await exceptions.refuse(who, id_, text)
            case _:
                await exceptions.withdraw(who, id_)
        self._frame.door.nudge()
        return see(f"/requests/{id_}")

    async def ask_page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /v/{decision_id}/request."""
        who = await self._frame.visitors.require(request, Role.REQUESTER)
        door = self._frame.door
        decision = await door.store.decision_by_id(request.match_info["decision_id"].lower())
        if decision is None:
            raise UpstreamNotFound("There is no decision of that id.")
        current = await door.store.decision_of(decision.ref)
        if current is not None and current.served:
            raise StoreConflict("That file is served by now.", next_step="Install it again.")
        await door.gate.load(decision.ref.index, decision.ref.project)
        version = door.gate.alternative(decision.ref, as_of=door.clock())
        return self._frame.show(
            request,
            who,
            "admin/ask.html",
            here="requests",
            decision=decision,
            pin=f"{decision.ref.project}=={version}" if version else "",
            form=form_values(self._frame),
        )

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """POST /v/{decision_id}/request."""
        who, form = await self._frame.post(request, Role.REQUESTER)
        scope = chosen(field(form, "scope"), Scope, what="scope")
        made = await self._frame.exceptions.request(
            who,
            Ask(
                decision_id=request.match_info["decision_id"].lower(),
                scope=scope,
                specifier=field(form, "specifier", chars_max=200) if scope is Scope.PROJECT else "",
                days=number_of(field(form, "days")),
                justification=field(form, "justification"),
            ),
        )
        return see(f"/requests/{made.id}")
