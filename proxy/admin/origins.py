"""Moving a name from one upstream to another: audited, and told."""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import NormalizedName

from models.artifact import IndexName
from models.errors import ValueInvalid
from proxy.admin.access import Principal, Role
from proxy.admin.events import Event, EventKind
from proxy.store.origins_port import OriginMove, OriginsPort

BY_SETTINGS = Principal(name="settings", role=Role.ADMIN)
"""Who moves a name that the settings or the policy have given an owner."""


async def move_name(
    store: OriginsPort,
    by: Principal,
    project: NormalizedName,
    to: IndexName,
    *,
    justification: str,
    known: Collection[IndexName],
) -> OriginMove:
    """Have `to` answer for a name from now on, for admins. `known` are the upstreams there are.

    Raises NotAllowed, ValueInvalid for an upstream that is not there, and as `OriginsPort.move_origin`.
    """
    by.require(Role.ADMIN)
    if to not in known:
        raise ValueInvalid(
            f"There is no upstream called {to}.",
            next_step="Known are: " + ", ".join(sorted(known)) + ".",
        )
    why = f": {justification}" if justification else "."

    def told(made: OriginMove) -> tuple[Event, ...]:
        return (
            Event(
                kind=EventKind.NAME_MOVED,
                at=made.at,
                subject=project,
                sentence=(
                    f"{by.name} had {project} come from {made.now}, no longer from {made.was}{why}"
                ),
                facts=(("was", made.was), ("now", made.now)),
            ),
        )

    return await store.move_origin(
        project, to, actor=by.name, justification=justification, telling=told
    )
