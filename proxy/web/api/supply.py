"""What the firewall lives on: workers and their queue, feeds of advisories, upstreams."""

from __future__ import annotations

from analyzer.advisories.record import Advisory
from models.artifact import parse_index_name, parse_project
from models.errors import UpstreamNotFound
from models.work import Job
from proxy.admin.feeds import remove_feed
from proxy.admin.origins import move_name
from proxy.admin.workers import distrust
from proxy.store.origins_port import Origin, OriginMove
from proxy.store.pages_port import WorkerSeen
from proxy.store.port import Feed
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, ends, page_of, reads


async def workers(call: Call) -> tuple[WorkerSeen, ...]:
    return await call.frame.door.store.workers_seen()


async def distrust_worker(call: Call) -> shapes.Counted:
    count = await distrust(call.frame.door.store, call.who, call.path["worker"])
    return shapes.Counted(count=count)


async def jobs(call: Call) -> tuple[Job, ...]:
    return await call.frame.door.store.jobs(limit=call.query.limit)


async def feeds(call: Call) -> tuple[Feed, ...]:
    return await call.frame.door.store.feeds()


async def forget_feed(call: Call) -> shapes.Counted:
    await remove_feed(call.frame.door.store, call.who, call.path["feed"])
    return shapes.Counted(count=1)


async def advisories(call: Call) -> tuple[Advisory, ...]:
    return await call.frame.door.store.advisories_about(parse_project(call.path["project"]))


async def upstreams(call: Call) -> tuple[str, ...]:
    return call.frame.door.settings.upstreams


async def origin(call: Call) -> Origin:
    name = parse_project(call.path["project"])
    found = await call.frame.door.store.origin(name)
    if found is None:
        raise UpstreamNotFound(f"Nobody has asked for {name} yet.")
    return found


async def move_origin(call: Call) -> OriginMove:
    door, body = call.frame.door, call.body
    return await move_name(
        door.store,
        call.who,
        parse_project(call.path["project"]),
        parse_index_name(body.to),
        justification=body.justification,
        known=door.settings.upstreams,
    )


async def moves(call: Call) -> Page[OriginMove]:
    query = call.query
    rows = await call.frame.door.store.origin_moves(after=query.after, limit=query.limit + 1)
    return page_of(tuple((row.number, row) for row in rows), query.limit)


OPERATIONS: tuple[Operation, ...] = (
    reads("/workers", "workers", "Workers by name", tuple[WorkerSeen, ...], workers),
    acts(
        "/workers/{worker}/distrust",
        "distrustWorker",
        "Leave out all that a worker posted, for ever; how many decisions rested on it",
        shapes.Counted,
        distrust_worker,
    ),
    reads(
        "/jobs",
        "jobs",
        "Open jobs in the order in which workers get them",
        tuple[Job, ...],
        jobs,
        query=shapes.Some,
    ),
    reads("/feeds", "feeds", "Feeds of advisories", tuple[Feed, ...], feeds),
    ends(
        "/feeds/{feed}",
        "removeFeed",
        "Forget a feed with its records; one that the settings name comes back",
        shapes.Counted,
        forget_feed,
    ),
    reads(
        "/advisories/{project}",
        "advisories",
        "What feeds say about a project",
        tuple[Advisory, ...],
        advisories,
    ),
    reads("/upstreams", "upstreams", "Upstreams in their order", tuple[str, ...], upstreams),
    reads("/origins/{project}", "origin", "From which upstream a name comes", Origin, origin),
    acts(
        "/origins/{project}/move",
        "moveOrigin",
        "Have another upstream answer for a name",
        OriginMove,
        move_origin,
        body=shapes.MoveBody,
    ),
    reads(
        "/moves",
        "moves",
        "Names that were given to another upstream, oldest first",
        Page[OriginMove],
        moves,
        query=shapes.Later,
    ),
)

__all__ = ["OPERATIONS"]
