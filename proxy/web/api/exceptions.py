"""Exceptions and requests for them."""

from __future__ import annotations

from datetime import timedelta

from models.artifact import parse_project, parse_sha256
from models.decision import Override
from models.errors import ValueInvalid
from proxy.admin.access import Role
from proxy.admin.exceptions import Ask, Expiring, Terms
from proxy.admin.grandfather import grandfather as allow_locked
from proxy.admin.review import add_exception, end_exception
from proxy.lockfiles import read_lock
from proxy.store.exceptions_port import OverrideRequest, OverrideUses
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, ends, page_of, reads


async def overrides(call: Call) -> Page[Override]:
    door, query = call.frame.door, call.query
    rows = await door.store.overrides_page(
        active_at=door.clock() if query.active else None,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(rows, query.limit)


async def add_override(call: Call) -> Override:
    door, body = call.frame.door, call.body
    project = parse_project(body.project) if body.project else None
    sha256 = parse_sha256(body.sha256.lower()) if body.sha256 else None
    if project is None and sha256 is None:
        raise ValueInvalid("An override names a project or a sha256.")
    bound = await call.frame.existing(project, body.specifier) if project else ()
    return await add_exception(
        door.store,
        call.who,
        action=body.action,
        project=project,
        specifier=body.specifier,
        sha256=sha256,
        bound=bound,
        future=body.future,
        justification=body.justification,
        days=body.days,
        policy=call.frame.policy,
        clock=door.clock,
    )


async def end_override(call: Call) -> Override:
    door = call.frame.door
    return await end_exception(door.store, call.who, call.path["override_id"], clock=door.clock)


async def extend_override(call: Call) -> Override:
    body = call.body
    return await call.frame.exceptions.extend(
        call.who,
        call.path["override_id"],
        expires_at=call.frame.door.clock() + timedelta(days=body.days),
        justification=body.justification,
    )


async def expiring(call: Call) -> tuple[Expiring, ...]:
    return await call.frame.exceptions.expiring(call.who, timedelta(days=call.query.days))


async def grandfather(call: Call) -> shapes.Grandfathered:
    door, body = call.frame.door, call.body
    made = await allow_locked(
        door.store,
        call.who,
        tuple(read_lock(one.name, one.text.encode()) for one in body.locks),
        policy=call.frame.policy,
        until=door.clock() + timedelta(days=body.days),
        clock=door.clock,
        justification=body.justification,
        dry_run=body.dry_run,
    )
    return shapes.Grandfathered(
        files=made.files,
        overrides=tuple(one.id for one in made.made),
        covered=made.covered,
        malicious=made.malicious,
        unpinned=made.unpinned,
    )


async def override_uses(call: Call) -> OverrideUses:
    return await call.frame.exceptions.uses(call.who, call.path["override_id"])


async def requests(call: Call) -> Page[OverrideRequest]:
    query = call.query
    rows = await call.frame.exceptions.requests(
        call.who,
        state=query.state,
        requester=query.requester,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(rows, query.limit)


async def ask(call: Call) -> OverrideRequest:
    body = call.body
    return await call.frame.exceptions.request(
        call.who,
        Ask(
            decision_id=body.decision_id.lower(),
            justification=body.justification,
            scope=body.scope,
            specifier=body.specifier,
            days=body.days,
        ),
    )


async def request(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.get(call.who, call.path["request_id"])


async def approve(call: Call) -> OverrideRequest:
    terms = Terms(answer=call.body.answer, above_proof=call.body.above_proof)
    done, _ = await call.frame.exceptions.approve(call.who, call.path["request_id"], terms)
    return done


async def refuse(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.refuse(call.who, call.path["request_id"], call.body.answer)


async def withdraw(call: Call) -> OverrideRequest:
    return await call.frame.exceptions.withdraw(call.who, call.path["request_id"])


OPERATIONS: tuple[Operation, ...] = (
    reads(
        "/overrides",
        "overrides",
        "Exceptions",
        Page[Override],
        overrides,
        query=shapes.OverrideQuery,
    ),
    acts(
        "/overrides",
        "addOverride",
        "Make an exception",
        Override,
        add_override,
        role=Role.REVIEWER,
        body=shapes.OverrideBody,
        status=201,
    ),
    ends(
        "/overrides/{override_id}",
        "endOverride",
        "End an exception",
        Override,
        end_override,
        role=Role.REVIEWER,
    ),
    acts(
        "/overrides/{override_id}/extend",
        "extendOverride",
        "Have another of the same scope and files take its place, which ends in so many days",
        Override,
        extend_override,
        role=Role.REVIEWER,
        body=shapes.ExtendBody,
        status=201,
    ),
    reads(
        "/expiring",
        "expiring",
        "Exceptions that end soon, the next one first",
        tuple[Expiring, ...],
        expiring,
        query=shapes.ExpiringQuery,
    ),
    acts(
        "/grandfather",
        "grandfather",
        "Allow the files that lock files pin, by their bytes; larger ones by the command line",
        shapes.Grandfathered,
        grandfather,
        body=shapes.LocksBody,
    ),
    reads(
        "/overrides/{override_id}/uses",
        "overrideUses",
        "Who used an exception",
        OverrideUses,
        override_uses,
    ),
    reads(
        "/requests",
        "requests",
        "Requests for exceptions",
        Page[OverrideRequest],
        requests,
        query=shapes.RequestQuery,
    ),
    reads("/requests/{request_id}", "request", "One request", OverrideRequest, request),
    acts(
        "/requests",
        "ask",
        "Ask for an exception",
        OverrideRequest,
        ask,
        role=Role.REQUESTER,
        body=shapes.RequestBody,
        status=201,
    ),
    acts(
        "/requests/{request_id}/approve",
        "approve",
        "Grant a request",
        OverrideRequest,
        approve,
        role=Role.REVIEWER,
        body=shapes.ApproveBody,
    ),
    acts(
        "/requests/{request_id}/refuse",
        "refuse",
        "Refuse a request",
        OverrideRequest,
        refuse,
        role=Role.REVIEWER,
        body=shapes.RefuseBody,
    ),
    acts(
        "/requests/{request_id}/withdraw",
        "withdraw",
        "Take one's own request back",
        OverrideRequest,
        withdraw,
        role=Role.REQUESTER,
    ),
)

__all__ = ["OPERATIONS"]
