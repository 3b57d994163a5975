"""The last days over again under another policy: what would have become of each file, and for whom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.decision import Decision, TrustScore
from models.errors import PratiqueError, ValueInvalid
from models.trust.scorer import Scorer
from policies.evaluate import evaluate
from policies.flips import Comparison, Flip
from policies.modes import may_let_through
from policies.policy import Policy
from proxy.judge.stored import StoredCase, as_decided
from proxy.rescoring import FAILURES_KEPT, PAGE, Failure, Progress, walk
from proxy.store.port import Fetch, Store, TokenKind

DAYS_MAX = 365
"""Days that may be replayed; fetch records are seldom kept longer."""
DECISIONS_MAX = 200_000
"""Decisions replayed at most; each takes some two milliseconds, most of it reading what it rests on."""
FETCHES_MAX = 2_000
"""Fetch records looked at for one file, the newest ones; more than that is hit in any case."""
REQUESTERS_MAX = 1_000
"""Clients told apart in the sum; an organisation has some hundreds of tokens."""
REQUESTERS_OF_FILE_MAX = 20
"""Clients named for one file."""
_HAD_IT = frozenset({200, 206})
"""Statuses of fetches that brought bytes (RFC 9110)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A client, and what it fetched that it would not have got."""

    requester: str
    """Name of the token, or `anonymous`."""
    fetches: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A decision whose action would have been another, and whom it would have stopped."""

    flip: Flip
    stopped: tuple[Stopped, ...]
    """Most fetches first, REQUESTERS_OF_FILE_MAX at most."""
    fetches: int
    """Fetches that would have been refused, by all clients."""


@dataclass(slots=True, kw_only=True)
class Simulated:
    """What came of it."""

    since: datetime
    comparison: Comparison
    replayed: int = 0
    older: int = 0
    """Decisions left out: made before, and nobody fetched their files since."""
    beyond: int = 0
    """Decisions left out for the bound on their number."""
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    """The first FAILURES_KEPT of them."""
    changes: tuple[Changed, ...] = ()
    fetches: Counter[str] = field(default_factory=Counter)
    """Client → fetches that would have been refused, over all files."""
    files: Counter[str] = field(default_factory=Counter)
    """Client → files that it would not have got."""

    @property
    def stopped(self) -> tuple[Stopped, ...]:
        """The clients that would have been stopped, most fetches first."""
        return _by_fetches(self.fetches, self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What every step needs."""

    store: Store
    policy: Policy
    scorer: Callable[[], Scorer]
    groups: Mapping[str, tuple[str, ...]]
    """Client → its groups today."""
    since: datetime


async def simulate(
    store: Store,
    *,
    policy: Policy,
    scorer: Callable[[], Scorer],
    as_of: datetime,
    days: int,
    listed_max: int,
    progress: Progress = lambda _done, _total: None,
) -> Simulated:
    """Replay the last `days` under `policy`, from what is stored; nothing is stored or run.

    Each current decision is taken that was made, or whose file was fetched, in those days. It is
    judged at the moment when the file was first fetched in them, so that a cooldown is seen to hold
    what was young then; where nobody fetched it, at the moment of its decision. Evidence, facts and
    score are the decision's own, but that a policy with another scorer scores anew (`scorer` is
    called only then). A client's groups are those that its fetch records state, else those of its
    token today.

    Raises ValueInvalid for a number of days out of bounds, StoreError.
    """
    if not 1 <= days <= DAYS_MAX:
        raise ValueInvalid(f"1 to {DAYS_MAX} days can be replayed, not {days}.")
    since = as_of - timedelta(days=days)
    outcome = Simulated(since=since, comparison=Comparison(listed_max=listed_max))
    tokens = await store.tokens(kind=TokenKind.CLIENT)
    run = _Run(
        store=store,
        policy=policy,
        scorer=scorer,
        groups={token.name: token.groups for token in tokens},
        since=since,
    )
    total = (await store.extent()).count
    looked_at = 0
    async for decision in walk(store):
        if outcome.replayed + outcome.failed < DECISIONS_MAX:
            await _replay(outcome, run, decision)
        else:
            outcome.beyond += 1
        looked_at += 1
        if looked_at % PAGE == 0:
            progress(looked_at, total)
            await asyncio.sleep(0)
    progress(looked_at, total)
    outcome.changes = tuple([await _changed(run, flip) for flip in outcome.comparison.listed])
    return outcome


async def _replay(outcome: Simulated, run: _Run, decision: Decision) -> None:
    fetches = await _fetches(run, decision)
    if not fetches and decision.as_of < run.since:
        outcome.older += 1
        return
    moment = min((fetch.at for fetch in fetches), default=decision.as_of)
    try:
        stored = await as_decided(run.store, decision, at=moment)
        after = evaluate(stored.case(_score(run, decision, stored)), run.policy)
    except PratiqueError as error:
        outcome.failed += 1
        if len(outcome.failures) < FAILURES_KEPT:
            outcome.failures.append(Failure(decision=decision, why=error.message))
        return
    outcome.replayed += 1
    outcome.comparison.add(decision, after)
    flip = Flip(before=decision, after=after)
    if flip.worse:
        for requester, count in _stopped(run, flip, fetches).items():
            if requester in outcome.fetches or len(outcome.fetches) < REQUESTERS_MAX:
                outcome.fetches[requester] += count
                outcome.files[requester] += 1


def _score(run: _Run, decision: Decision, stored: StoredCase) -> TrustScore | None:
    """The decision's own score, unless the policy lets another scorer decide."""
    if decision.score is None:
        return None
    scorer = run.scorer()
    return decision.score if decision.score.model_digest == scorer.digest else stored.score(scorer)


async def _changed(run: _Run, flip: Flip) -> Changed:
    counts = _stopped(run, flip, await _fetches(run, flip.before)) if flip.worse else Counter()
    files = Counter(dict.fromkeys(counts, 1))
    return Changed(
        flip=flip,
        stopped=_by_fetches(counts, files)[:REQUESTERS_OF_FILE_MAX],
        fetches=counts.total(),
    )


async def _fetches(run: _Run, decision: Decision) -> tuple[Fetch, ...]:
    """Who got the file in those days; of very many fetches the newest."""
    found = await run.store.fetches(sha256=decision.ref.sha256, limit=FETCHES_MAX)
    return tuple(
        fetch
        for fetch in found
        if fetch.ref == decision.ref and fetch.at >= run.since and fetch.status in _HAD_IT
    )


def _stopped(run: _Run, flip: Flip, fetches: Sequence[Fetch]) -> Counter[str]:
    """Client → fetches that would have been refused, as the policy's modes have it.

    A hold that ends by itself, as one for age does, stops nobody afterwards.
    """
    after, policy = flip.after, run.policy
    return Counter(
        fetch.requester
        for fetch in fetches
        if (after.expires_at is None or fetch.at < after.expires_at)
        # An unseen file waits where nothing is enforced, and is refused nowhere but where it is.
        and not may_let_through(after, policy.mode_of(_groups(run, fetch)))
    )


def _groups(run: _Run, fetch: Fetch) -> tuple[str, ...]:
    """Those of then; a record from before they were kept does not say, and those of today stand in."""
    return fetch.groups or run.groups.get(fetch.requester, ())


def _by_fetches(fetches: Mapping[str, int], files: Mapping[str, int]) -> tuple[Stopped, ...]:
    order = sorted(fetches, key=lambda requester: (-fetches[requester], requester))
    return tuple(
        Stopped(requester=requester, fetches=fetches[requester], files=files[requester])
        for requester in order
    )
