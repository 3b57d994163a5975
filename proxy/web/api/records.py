"""What happened: the audit log, who installed what, what turned, and the watch list."""

from __future__ import annotations

from datetime import timedelta

from proxy.admin.access import Role
from proxy.admin.audit import list_audit, verify_store
from proxy.admin.installed import Flip, Installed, flips, parse_target, who_installed
from proxy.admin.watch import ShownWatch, look_now, shown
from proxy.store.port import AuditRow
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, page_of, reads

HOLDERS_OF_A_FLIP = 20
"""Clients named for each file that turned; `/installed/SHA256` names all."""


async def audit(call: Call) -> Page[AuditRow]:
    query = call.query
    rows = await list_audit(
        call.frame.door.store,
        call.who,
        log=query.log,
        before=query.before,
        limit=query.limit + 1,
    )
    return page_of(tuple((row.number, row) for row in rows), query.limit)


async def verify_audit(call: Call) -> shapes.Counted:
    return shapes.Counted(count=await verify_store(call.frame.door.store, call.who))


async def installed(call: Call) -> Installed:
    target = parse_target(call.path["target"])
    return await who_installed(call.frame.door.store, call.who, target)


async def turned(call: Call) -> Page[Flip]:
    query = call.query
    door = call.frame.door
    rows = await flips(
        door.store,
        call.who,
        since=door.clock() - timedelta(days=query.days),
        before=query.before,
        limit=query.limit + 1,
        holders=HOLDERS_OF_A_FLIP,
    )
    return page_of(tuple((row.worsened.number, row) for row in rows), query.limit)


async def watched(call: Call) -> tuple[ShownWatch, ...]:
    door, query = call.frame.door, call.query
    return await shown(
        door.store,
        call.who,
        watch_hours=door.settings.watch_hours,
        project=query.project,
        limit=query.limit,
    )


async def watch_now(call: Call) -> shapes.Counted:
    return shapes.Counted(
        count=await look_now(call.frame.door.store, call.who, call.path["project"])
    )


OPERATIONS: tuple[Operation, ...] = (
    reads("/audit", "audit", "The audit log", Page[AuditRow], audit, query=shapes.AuditQuery),
    reads(
        "/audit/verify",
        "verifyAudit",
        "Walk the chain; how many rows are sound",
        shapes.Counted,
        verify_audit,
    ),
    reads(
        "/installed/{target}",
        "installed",
        "Who fetched a sha256, PROJECT or PROJECT==VERSION",
        Installed,
        installed,
        role=Role.REVIEWER,
    ),
    reads(
        "/turned",
        "turned",
        "Files that were served and are not any more, who has them, and what to replace",
        Page[Flip],
        turned,
        role=Role.REVIEWER,
        query=shapes.TurnedQuery,
    ),
    reads(
        "/watch",
        "watched",
        "Files on the watch list, the one whose turn comes next first",
        tuple[ShownWatch, ...],
        watched,
        query=shapes.WatchQuery,
    ),
    acts(
        "/watch/{project}",
        "watchNow",
        "Have the watched files of a project analysed again",
        shapes.Counted,
        watch_now,
        role=Role.REVIEWER,
    ),
)

__all__ = ["OPERATIONS"]
