"""The watch list as people see it: what is on it, when each file's turn comes, and having it come now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.artifact import parse_project
from models.canonical import canonical_json
from models.errors import StoreError
from proxy.admin.access import Principal, Role
from proxy.store.port import Store
from proxy.store.watch_port import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWatch:
    """A file on the list. `due_at` None: its turn never comes by itself."""

    watched: Watched
    due_at: datetime | None


async def shown(
    store: Store, principal: Principal, *, watch_hours: int, project: str = "", limit: int = 100
) -> tuple[ShownWatch, ...]:
    """Files on the list, the next one first, for viewers and up. Raises NotAllowed, ValueInvalid."""
    principal.require(Role.VIEWER)
    name = parse_project(project) if project else ""
    found = await store.watched(project=name, limit=limit)
    return tuple(ShownWatch(watched=one, due_at=due_at(one, watch_hours)) for one in found)


def due_at(watched: Watched, watch_hours: int) -> datetime | None:
    """When a file's turn comes; 0 hours switch the schedule off."""
    if watched.wanted:
        return watched.analysed_at
    return watched.analysed_at + timedelta(hours=watch_hours) if watch_hours else None


async def look_now(store: Store, principal: Principal, project: str) -> int:
    """Have the watched files of a project analysed as soon as there is room; how many, for reviewers.

    Raises NotAllowed, ValueInvalid, and StoreError where none is on the list.
    """
    principal.require(Role.REVIEWER)
    name = parse_project(project)
    count = await store.want_watched(name)
    if not count:
        raise StoreError(
            f"No file of {name} is on the watch list.",
            next_step="`pratique watch list` shows what is.",
        )
    detail = canonical_json({"files": count}).decode()
    await store.append_audit(
        actor=principal.name, action="watch_asked", subject=name, detail=detail
    )
    return count
