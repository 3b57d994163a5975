"""Feeds of advisories as admins handle them: forgetting one."""

from __future__ import annotations

from models.errors import UpstreamNotFound
from proxy.admin.access import Principal, Role
from proxy.store.port import Store


async def remove_feed(store: Store, by: Principal, name: str) -> None:
    """Forget a feed with its records; what they were about is judged again.

    One that the settings name comes back with its next update. Raises NotAllowed, UpstreamNotFound.
    """
    by.require(Role.ADMIN)
    if not await store.remove_feed(name, actor=by.name):
        raise UpstreamNotFound(
            f"There is no feed called {name[:64]}.", next_step="`pratique feeds status` lists them."
        )
