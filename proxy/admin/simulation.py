"""A policy tried on the last days before it is put in force, as an admin asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.decision import Action
from proxy.admin.access import Principal, Role
from proxy.admin.policy import read_policy
from proxy.rescoring import Progress
from proxy.scorers import scorer_of
from proxy.simulating import Changed, Simulated, Stopped, simulate
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
    policy = await read_policy(text, source=source)
    return await simulate(
        store,
        policy=policy,
        scorer=lambda: scorer_of(policy),
        as_of=as_of,
        days=days,
        listed_max=listed_max,
        progress=progress,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldChange:
    """One decision whose action would have been another."""

    id: str
    filename: str
    sha256: str
    now: Action
    then: Action
    at: datetime
    """As of when it was judged again."""
    reason: str
    fetches: int
    clients: tuple[Stopped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldCount:
    """Decisions that went from one action to the same or another."""

    now: Action
    then: Action
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFailure:
    """A decision that could not be derived."""

    id: str
    filename: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSimulation:
    """What came of a simulation, for programs and pages; the names are stable."""

    since: datetime
    replayed: int
    older: int
    left_out: int
    failed: int
    stricter: int
    more_lenient: int
    actions: tuple[ToldCount, ...]
    clients: tuple[Stopped, ...]
    """Whom it would have stopped, most fetches first."""
    changes: tuple[ToldChange, ...]
    not_derived: tuple[ToldFailure, ...]


def told(outcome: Simulated) -> ToldSimulation:
    """The outcome in plain values."""
    found = outcome.comparison
    return ToldSimulation(
        since=outcome.since,
        replayed=outcome.replayed,
        older=outcome.older,
        left_out=outcome.beyond,
        failed=outcome.failed,
        stricter=found.worse,
        more_lenient=found.better,
        actions=tuple(
            ToldCount(now=now, then=then, count=count)
            for (now, then), count in sorted(found.actions.items())
        ),
        clients=outcome.stopped,
        changes=tuple(map(_told_change, outcome.changes)),
        not_derived=tuple(
            ToldFailure(id=one.decision.id, filename=one.decision.ref.filename, why=one.why)
            for one in outcome.failures
        ),
    )


def _told_change(change: Changed) -> ToldChange:
    before, after = change.flip.before, change.flip.after
    return ToldChange(
        id=before.id,
        filename=before.ref.filename,
        sha256=before.ref.sha256,
        now=before.action,
        then=after.action,
        at=after.as_of,
        reason=change.flip.words,
        fetches=change.fetches,
        clients=change.stopped,
    )
