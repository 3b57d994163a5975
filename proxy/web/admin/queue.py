"""`/queue`: what is held for review, what weighs most first, and the form to decide on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter

from aiohttp import web
from packaging.utils import NormalizedName

from models.artifact import parse_project
from models.decision import HoldKind, Override, OverrideAction
from models.reason import sentence
from policies.overrides import speaking
from proxy.admin.access import Role
from proxy.admin.review import STRONGER_FIRST, Verdict, decide_held
from proxy.store.pages_port import WAITING_MAX, Waiting
from proxy.web.admin.frame import Frame, chosen, field, form_values, number_of, see

ROWS = 30
"""Held files on one page: more than one decides on in a sitting."""
SENTENCES_SHOWN = 3
"""Causes told of each; the evidence has all."""
SORTS = {
    "weight": "what weighs most",
    "age": "longest held",
    "score": "lowest score",
    "fetches": "most fetched",
}
"""How the queue may be sorted, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A held file as the queue shows it."""

    waiting: Waiting
    id: str
    """Of the decision that holds it."""
    sentences: tuple[str, ...]
    spoken: Override | None
    """An override that speaks about it already: it is on its way out of the queue."""


class Queue:
    """Handlers of `/queue`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def page(self, request: web.Request) -> web.StreamResponse:
        """GET, HEAD /queue?sort=&project=&page=."""
        who = await self._frame.visitors.require(request, Role.VIEWER)
        query = request.query
        sort = query.get("sort", "weight")
        chosen(sort, SORTS, what="order")
        project = str(parse_project(query["project"])) if query.get("project") else ""
        page = max(1, number_of(query.get("page", "1")))
        found = sorted_by(
            sort, await self._frame.door.store.waiting(HoldKind.REVIEW, project=project)
        )
        shown = found[(page - 1) * ROWS : page * ROWS]
        return self._frame.show(
            request,
            who,
            "admin/queue.html",
            here="queue",
            script=True,
            rows=await self._rows(shown),
            total=len(found),
            bounded=len(found) >= WAITING_MAX,
            page=page,
            pages_count=max(1, -(-len(found) // ROWS)),
            sort=sort,
            sorts=SORTS,
            project=project,
            said="said" in query,
            form=form_values(self._frame),
        )

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """POST /queue/{decision_id}: approve or deny; whoever comes second is told."""
        who, form = await self._frame.post(request, Role.REVIEWER)
        door = self._frame.door
        said = Verdict(
            action=chosen(field(form, "action"), OverrideAction, what="decision"),
            justification=field(form, "justification"),
            days=number_of(field(form, "days")),
            whole_release=field(form, "scope") == "release",
        )
        await decide_held(
            door.store,
            who,
            request.match_info["decision_id"].lower(),
            said,
            policy=self._frame.policy,
            clock=door.clock,
        )
        door.nudge()
        return see("/queue?said=1")

    async def _rows(self, shown: tuple[Waiting, ...]) -> tuple[Row, ...]:
        door, policy = self._frame.door, self._frame.policy
        now = door.clock()
        found = await door.store.recorded([one.number for one in shown])
        held = {one.number: one for one in found}
        active: dict[NormalizedName | None, list[Override]] = defaultdict(list)
        for override in await door.store.overrides(active_at=now) if shown else ():
            active[override.project].append(override)
        rows = []
        for one in shown:
            if (recorded := held.get(one.number)) is None:
                continue
            # Those that name no project are about bytes, and may be about any.
            about = (*active[None], *active[one.ref.project])
            spoken = [speaking(about, action, one.ref, policy, now) for action in STRONGER_FIRST]
            rows.append(
                Row(
                    waiting=one,
                    id=recorded.id,
                    sentences=tuple(
                        sentence(reason) for reason in recorded.decision.reasons[:SENTENCES_SHOWN]
                    ),
                    spoken=next((override for override in spoken if override), None),
                )
            )
        return tuple(rows)


def sorted_by(sort: str, found: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
    """The queue in an order; `weight`: most fetched, then longest held, then lowest score."""
    by_age = attrgetter("recorded_at", "number")
    match sort:
        case "age":
            return tuple(sorted(found, key=by_age))
        case "score":
            return tuple(sorted(found, key=lambda one: (_score(one), by_age(one))))
        case "fetches":
            return tuple(sorted(found, key=lambda one: (-one.fetches, by_age(one))))
        case _:
            return tuple(
                sorted(found, key=lambda one: (-one.fetches, one.recorded_at, _score(one)))
            )


def _score(one: Waiting) -> int:
    """Nothing known goes first: it needs eyes most."""
    return -1 if one.score is None else one.score
