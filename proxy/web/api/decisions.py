"""Decisions, what they rest on, and the review of what is held."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from models.artifact import parse_project
from models.decision import Decision, Override
from models.errors import UpstreamNotFound
from models.evidence import Evidence
from models.reason import sentence
from proxy.admin.access import Role
from proxy.admin.review import Verdict, decide_held
from proxy.store.pages_port import Recorded, Waiting
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, page_of, reads


async def me(call: Call) -> shapes.Me:
    return shapes.Me(name=call.who.name, role=call.who.role, groups=call.who.groups)


async def overview(call: Call) -> shapes.Flowing:
    door = call.frame.door
    since = door.clock() - timedelta(hours=call.query.hours)
    hours, held_now, queue = await asyncio.gather(
        door.store.flow(since=since), door.store.held_counts(), door.store.queue_state()
    )
    return shapes.Flowing(hours=hours, held=held_now, queue=queue)


async def decisions(call: Call) -> Page[shapes.Told]:
    query = call.query
    rows = await call.frame.door.store.current(
        project=str(parse_project(query.project)) if query.project else "",
        action=query.action.value if query.action else "",
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(tuple((row.number, _told(row)) for row in rows), query.limit)


async def decision(call: Call) -> shapes.Whole:
    found = await _decision(call)
    current = await call.frame.door.store.decision_of(found.ref)
    return shapes.Whole(
        decision=found,
        reasons=_sentences(found),
        current=current is not None and current.digest == found.digest,
    )


async def evidence(call: Call) -> Evidence:
    found = await _decision(call)
    seen = None
    if found.evidence_digest is not None:
        seen = await call.frame.door.store.evidence(found.evidence_digest)
    if seen is None:
        raise UpstreamNotFound("That decision rests on no evidence that is kept.")
    return seen


async def history(call: Call) -> Page[Recorded]:
    found = await _decision(call)
    rows = await call.frame.door.store.history(
        found.ref, before=call.query.before, limit=call.query.limit + 1
    )
    return page_of(tuple((row.number, row) for row in rows), call.query.limit)


async def held(call: Call) -> Page[Waiting]:
    query = call.query
    rows = await call.frame.door.store.waiting(
        query.hold,
        project=str(parse_project(query.project)) if query.project else "",
        after=query.after,
        limit=query.limit + 1,
    )
    return page_of(tuple((row.number, row) for row in rows), query.limit)


async def review(call: Call) -> Override:
    door, body = call.frame.door, call.body
    said = Verdict(
        action=body.action,
        justification=body.justification,
        days=body.days,
        whole_release=body.whole_release,
    )
    id_ = call.path["decision_id"].lower()
    return await decide_held(
        door.store, call.who, id_, said, policy=call.frame.policy, clock=door.clock
    )


async def _decision(call: Call) -> Decision:
    found = await call.frame.door.store.decision_by_id(call.path["decision_id"].lower())
    if found is None:
        raise UpstreamNotFound("There is no decision of that id.")
    return found


def _sentences(found: Decision) -> tuple[str, ...]:
    return tuple(sentence(reason) for reason in found.reasons)


def _told(row: Recorded) -> shapes.Told:
    return shapes.Told.of(row, _sentences(row.decision))


OPERATIONS: tuple[Operation, ...] = (
    reads("/me", "me", "Who asks", shapes.Me, me, role=Role.INSTALLER),
    reads(
        "/overview",
        "overview",
        "What was sent, held and denied in each of the last hours; what is held and queued now",
        shapes.Flowing,
        overview,
        query=shapes.FlowQuery,
    ),
    reads(
        "/decisions",
        "decisions",
        "Current decisions, newest first",
        Page[shapes.Told],
        decisions,
        query=shapes.DecisionQuery,
    ),
    reads("/decisions/{decision_id}", "decision", "One decision", shapes.Whole, decision),
    reads("/decisions/{decision_id}/evidence", "evidence", "What it rests on", Evidence, evidence),
    reads(
        "/decisions/{decision_id}/history",
        "history",
        "Every decision about the same file",
        Page[Recorded],
        history,
        query=shapes.Rows,
    ),
    reads(
        "/held",
        "held",
        "Files that are held, the one held longest first",
        Page[Waiting],
        held,
        query=shapes.HeldQuery,
    ),
    acts(
        "/decisions/{decision_id}/review",
        "review",
        "Approve or deny a file that waits for a review",
        Override,
        review,
        role=Role.REVIEWER,
        body=shapes.ReviewBody,
        status=201,
    ),
)

__all__ = ["OPERATIONS"]
