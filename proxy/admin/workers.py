"""Workers as admins handle them: the end of trust in one."""

from __future__ import annotations

from models.errors import UpstreamNotFound
from proxy.admin.access import Principal, Role
from proxy.store.port import Store, TokenKind


async def distrust(store: Store, by: Principal, name: str) -> int:
    """Leave out all that a worker posted, for ever; how many decisions rested on it.

    They are derived anew, and their files held until another worker has looked. Raises NotAllowed,
    UpstreamNotFound where no worker is so called, StoreError.
    """
    by.require(Role.ADMIN)
    known = {one.name for one in await store.workers_seen()}
    known |= {token.name for token in await store.tokens(kind=TokenKind.WORKER)}
    if name not in known:
        raise UpstreamNotFound("There is no worker of that name.")
    affected = await store.decisions_by_worker(name)
    await store.distrust_worker(name, actor=by.name)
    for index, project in sorted({(one.ref.index, one.ref.project) for one in affected}):
        await store.touch_project(index, project)
    return len(affected)
