"""Following advisories: what was judged without a record that came, or with one that went.

A change stays in the store until every ref that it is about was looked at twice: a hearing that was
under way when the record came may have stored a decision made without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from analyzer.advisories.meaning import MALICIOUS_SIBLING
from models.artifact import ArtifactRef
from models.canonical import canonical_json
from models.clock import Clock
from models.decision import Decision
from models.evidence import Finding
from models.facts import Answer, Facts
from proxy.sources.advisories import has_proof, own_findings
from proxy.store.port import AdvisoryChange, Fetch, Store

LOG = structlog.get_logger()

REFS_BATCH = 100
"""Refs looked at in one sweep; a look costs two reads, and a hearing where something changed."""
CHANGES_BATCH = 100
"""Changes read at once."""
SETTLE = timedelta(seconds=60)
"""How long after a change a decision may still come from a hearing that began before it: facts are
given 20 s, and the judge its time."""
ROUND = timedelta(seconds=10)
"""Time between two readings of all changes that wait; reading some thousand takes 20 ms."""
RETRY = timedelta(seconds=300)
"""After which what could not be judged is looked at again."""
FETCHES_READ_MAX = 1_000
"""Fetch records of one file that are read when it turns out to be known."""
TOLD_MAX = 50
"""Requesters that one audit row names; the fetch records have all."""
REMEMBERED_MAX = 10_000
"""(file, advisory) pairs remembered as told; after a restart one may be told once more."""

ACTOR = "advisories"
MATCHED_SERVED = "advisory_matched_served"

Derive = Callable[[ArtifactRef], Awaitable[bool]]
"""Judges a ref again; False where that failed for now. Raises JudgeUnavailable."""


class Advised(Protocol):
    """Whoever knows the advisories."""

    async def told(self, ref: ArtifactRef, as_of: datetime) -> Answer:
        """What they say of a file now. Raises StoreError."""


class AdvisoryFollower:
    """Looks at what changes concern, a bounded number a sweep; where it was stands in the store."""

    def __init__(self, *, store: Store, advised: Advised, clock: Clock, derive: Derive) -> None:
        self._store = store
        self._advised = advised
        self._clock = clock
        self._derive = derive
        self._after = 0
        """The newest change that was read in this round."""
        self._round_at = clock()
        self._waiting: deque[AdvisoryChange] = deque()
        self._settling: deque[tuple[datetime, AdvisoryChange]] = deque()
        """Changes to look at again, and when."""
        self._current: AdvisoryChange | None = None
        self._left: deque[ArtifactRef] = deque()
        self._failed = False
        self._told: dict[tuple[str, str], None] = {}

    async def follow(self) -> bool:
        """Look at some; whether there is more to do at once. Raises JudgeUnavailable, StoreError."""
        for _ in range(REFS_BATCH):
            if self._current is None and not await self._next():
                await self._store.advisory_changes_done([], forget_before=self._clock() - SETTLE)
                return False
            if self._left:
                self._failed = not await self._look(self._left[0]) or self._failed
                self._left.popleft()
            else:
                await self._end()
        return True

    async def _next(self) -> bool:
        """Take up the next change, if there is one."""
        if self._settling and self._settling[0][0] <= self._clock():
            change = self._settling[0][1]
            left = await self._store.refs_changed(change)
            self._settling.popleft()
        else:
            if not self._waiting:
                await self._read()
            if not self._waiting:
                return False
            change = self._waiting[0]
            left = await self._store.refs_changed(change)
            self._waiting.popleft()
        self._current, self._left, self._failed = change, deque(left), False
        return True

    async def _read(self) -> None:
        """More changes; at their end, after a while, once more from the beginning.

        What concerned nothing when its turn came may concern a decision by now.
        """
        changes = await self._store.advisory_changes(after=self._after, limit=CHANGES_BATCH)
        if changes:
            self._after = changes[-1].number
            settling = {change.number for _, change in self._settling}
            self._waiting.extend(change for change in changes if change.number not in settling)
        elif self._clock() - self._round_at >= ROUND:
            self._after, self._round_at = 0, self._clock()

    async def _end(self) -> None:
        """Let go of a change that is settled; look again later at any other."""
        change, now = self._current, self._clock()
        if change is None:
            return
        if self._failed:
            self._settling.append((now + RETRY, change))
        elif now - change.at < SETTLE:
            self._settling.append((change.at + SETTLE, change))
        else:
            await self._store.advisory_changes_done([change.number], forget_before=now - SETTLE)
        self._settling = deque(sorted(self._settling, key=lambda waiting: waiting[0]))
        self._current = None

    async def _look(self, ref: ArtifactRef) -> bool:
        """Judge a ref again if advisories say other things of it than its decision rests on."""
        decision = await self._store.decision_of(ref)
        facts = await self._facts(decision)
        before = own_findings(facts.findings) if facts else ()
        answer = await self._advised.told(ref, self._clock())
        if set(before) == set(answer.findings):
            return True
        if decision is None and not has_proof(answer.findings):
            return True  # it is queued; whoever judges it will ask again
        await self._tell(ref, before, answer.findings)
        derived = await self._derive(ref)
        # What is still served under watch is looked at again, in the light of what was said.
        await self._store.want_watched(ref.project)
        return derived

    async def _facts(self, decision: Decision | None) -> Facts | None:
        if decision is None or decision.facts_digest is None:
            return None
        return await self._store.facts(decision.facts_digest)

    async def _tell(
        self, ref: ArtifactRef, before: tuple[Finding, ...], now: tuple[Finding, ...]
    ) -> None:
        """Name those who fetched it already. Before it is judged: a kill in between tells twice."""
        known = {(finding.id, finding.what) for finding in before}
        new = [
            finding
            for finding in now
            if (finding.id, finding.what) not in known and finding.id != MALICIOUS_SIBLING
        ]
        new = [finding for finding in new if self._first_time(ref, finding)]
        if not new:
            return
        read = await self._store.fetches(sha256=ref.sha256, limit=FETCHES_READ_MAX)
        fetches = [fetch for fetch in read if fetch.ref == ref]
        if not fetches:
            return
        requesters = _requesters(fetches)
        detail = {
            "advisories": [finding.what for finding in new],
            "findings": sorted({finding.id for finding in new}),
            "fetches": len(fetches),
            "requesters": [
                {"requester": fetch.requester, "address": fetch.address, "at": fetch.at.isoformat()}
                for fetch in requesters[:TOLD_MAX]
            ],
        }
        await self._store.append_audit(
            actor=ACTOR,
            action=MATCHED_SERVED,
            subject=ref.key,
            detail=canonical_json(detail).decode(),
        )
        LOG.warning(
            MATCHED_SERVED,
            project=ref.project,
            version=ref.version,
            filename=ref.filename,
            sha256=ref.sha256,
            advisories=[finding.what for finding in new],
            findings=detail["findings"],
            fetches=len(fetches),
            requesters=sorted({fetch.requester for fetch in requesters})[:TOLD_MAX],
        )
        self._remember(ref, new)

    def _first_time(self, ref: ArtifactRef, finding: Finding) -> bool:
        return (ref.key, f"{finding.id}/{finding.what}") not in self._told

    def _remember(self, ref: ArtifactRef, new: list[Finding]) -> None:
        for finding in new:
            while len(self._told) >= REMEMBERED_MAX:
                self._told.pop(next(iter(self._told)))
            self._told[ref.key, f"{finding.id}/{finding.what}"] = None


def _requesters(fetches: list[Fetch]) -> list[Fetch]:
    """The newest fetch of each requester and address."""
    newest: dict[tuple[str, str], Fetch] = {}
    for fetch in fetches:  # they come newest first
        newest.setdefault((fetch.requester, fetch.address), fetch)
    return list(newest.values())
