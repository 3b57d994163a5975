"""A policy tried on the last days before it is put in force, as an admin asks for it."""

from __future__ import annotations

from datetime import datetime

from policies.document import parse_policy
from proxy.admin.access import Principal, Role
from proxy.rescoring import Progress
from proxy.scorers import scorer_of
from proxy.simulating import Simulated, simulate
from proxy.store.port import Store

LISTED = 100
"""Changes that are listed; all are counted."""


async def simulate_policy(
    store: Store,
    by: Principal,
    text: str,
    *,
    source: str,
    days: int,
    as_of: datetime,
    listed_max: int = LISTED,
    progress: Progress = lambda _done, _total: None,
) -> Simulated:
    """What the document in `text` would have changed in the last `days`; it is not put in force.

    Raises NotAllowed, PolicyInvalid with every mistake, ValueInvalid for too many days, StoreError.
    """
    by.require(Role.ADMIN)
    policy = parse_policy(text, source=source)
    return await simulate(
        store,
        policy=policy,
        scorer=lambda: scorer_of(policy),
        as_of=as_of,
        days=days,
        listed_max=listed_max,
        progress=progress,
    )
