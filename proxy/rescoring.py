"""A look ahead: what another model or policy would make of every decision, before it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from models.decision import Decision
from models.errors import PratiqueError
from models.trust.scorer import Scorer
from policies.evaluate import evaluate
from policies.flips import Comparison, Flip
from policies.policy import Policy
from proxy.judge.stored import as_it_stands
from proxy.store.port import Store

PAGE = 200
"""Decisions read at once; with its evidence a decision may have 256 KiB, read one by one."""
FAILURES_KEPT = 20
"""Decisions that could not be judged and are named; the rest is counted."""

Progress = Callable[[int, int], None]
"""Told (looked at, in all) now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A decision that could not be derived again, and why; upkeep would leave it as it is."""

    decision: Decision
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFlip:
    """A flip, and how many fetch records its file has."""

    flip: Flip
    fetches: int


@dataclass(slots=True, kw_only=True)
class Rescored:
    """What came of it."""

    comparison: Comparison
    rescored: int = 0
    """Decisions of files with evidence: those that were scored."""
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    """The first FAILURES_KEPT of them."""
    flips: tuple[CountedFlip, ...] = ()


async def rescore(
    store: Store,
    *,
    scorer: Scorer,
    policy: Policy,
    as_of: datetime,
    listed_max: int,
    progress: Progress = lambda _done, _total: None,
) -> Rescored:
    """Derive every current decision by `scorer` and `policy`, and store nothing.

    Facts, advisories and siblings are those of the decisions: the network is left alone. What is
    decided anew meanwhile is left out. Raises StoreError.
    """
    outcome = Rescored(comparison=Comparison(listed_max=listed_max))
    total = (await store.extent()).count
    looked_at = 0
    async for decision in walk(store):
        await _compare(outcome, store, decision, scorer, policy, as_of)
        looked_at += 1
        if looked_at % PAGE == 0:
            progress(looked_at, total)
            await asyncio.sleep(0)
    progress(looked_at, total)
    outcome.flips = tuple(
        [
            CountedFlip(flip=flip, fetches=await store.fetch_count(flip.before.ref.sha256))
            for flip in outcome.comparison.listed
        ]
    )
    return outcome


async def walk(store: Store) -> AsyncIterator[Decision]:
    """Every decision that is current now, oldest first, a page in memory at a time."""
    up_to, after = (await store.extent()).newest, 0
    while page := await store.standing(after=after, up_to=up_to, limit=PAGE):
        for standing in page:
            yield standing.decision
        after = page[-1].number


async def _compare(
    outcome: Rescored,
    store: Store,
    decision: Decision,
    scorer: Scorer,
    policy: Policy,
    as_of: datetime,
) -> None:
    try:
        stored = await as_it_stands(store, decision, as_of=as_of)
        after = evaluate(stored.case(stored.score(scorer)), policy)
    except PratiqueError as error:
        outcome.failed += 1
        if len(outcome.failures) < FAILURES_KEPT:
            outcome.failures.append(Failure(decision=decision, why=error.message))
        return
    outcome.rescored += stored.evidence is not None
    outcome.comparison.add(decision, after)
