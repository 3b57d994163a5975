"""What happened: audit, installs, workers, feeds, the watch list."""

from __future__ import annotations

from proxy.admin.access import Role
from proxy.admin.audit import list_audit, verify_store
from proxy.admin.installed import Installed, parse_target, who_installed
from proxy.admin.watch import look_now
from proxy.store.pages_port import WorkerSeen
from proxy.store.port import AuditRow, Feed
from proxy.web.api import shapes
from proxy.web.api.operation import Call, Operation, Page, acts, page_of, reads


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


async def workers(call: Call) -> tuple[WorkerSeen, ...]:
    return await call.frame.door.store.workers_seen()


async def feeds(call: Call) -> tuple[Feed, ...]:
    return await call.frame.door.store.feeds()


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
    reads("/workers", "workers", "Workers by name", tuple[WorkerSeen, ...], workers),
    reads("/feeds", "feeds", "Feeds of advisories", tuple[Feed, ...], feeds),
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
