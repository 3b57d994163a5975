"""The twin's reads for pages: the same answers as `sql.pages`, from lists."""
# ruff: noqa: D102 -- the port documents every method, once, for both stores.

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, Sha256
from models.decision import Action, Decision, HoldKind, Override
from models.work import JobState
from proxy.store.bounds import ROWS_MAX, row_limit
from proxy.store.memory_queue import MemoryQueue
from proxy.store.pages_port import (
    FLOW_ROWS_MAX,
    WAITING_MAX,
    WORKERS_MAX,
    HeldCount,
    Hour,
    QueueState,
    Recorded,
    Waiting,
    WorkerSeen,
)
from proxy.store.port import Fetch

T = TypeVar("T")
_HOUR = timedelta(hours=1)


class MemoryPages:
    """`PagesPort` over what the store in memory holds."""

    _history: list[Decision]
    _recorded_at: list[datetime]
    _current: dict[ArtifactRef, int]
    _fetches: list[Fetch]
    _overrides: dict[str, Override]
    _queue: MemoryQueue

    async def held_counts(self) -> tuple[HeldCount, ...]:
        found: dict[HoldKind, list[datetime]] = {}
        for place in self._current.values():
            hold = self._history[place].hold
            if hold is not None:
                found.setdefault(hold, []).append(self._recorded_at[place])
        return tuple(
            HeldCount(hold=hold, count=len(times), oldest=min(times))
            for hold, times in sorted(found.items())
        )

    async def waiting(
        self, hold: HoldKind, *, project: str = "", after: int = 0, limit: int = WAITING_MAX
    ) -> tuple[Waiting, ...]:
        counts = Counter(fetch.ref.sha256 for fetch in self._fetches)
        places = sorted(
            (self._recorded_at[place], place)
            for ref, place in self._current.items()
            if self._history[place].hold is hold and project in ("", ref.project)
        )
        if after:
            known = 0 < after <= len(self._history)
            places = [
                one for one in places if known and one > (self._recorded_at[after - 1], after - 1)
            ]
        return tuple(
            Waiting(
                number=place + 1,
                ref=(decision := self._history[place]).ref,
                recorded_at=at,
                score=decision.score.value if decision.score else None,
                fetches=counts[decision.ref.sha256],
            )
            for at, place in places[: min(limit, WAITING_MAX)]
        )

    async def current(
        self, *, action: str = "", project: str = "", before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        places = [
            place
            for ref, place in self._current.items()
            if action in ("", self._history[place].action) and project in ("", ref.project)
        ]
        return self._page(places, before, limit)

    async def recorded(self, numbers: Sequence[int]) -> tuple[Recorded, ...]:
        return tuple(
            self._row(number - 1)
            for number in numbers[:ROWS_MAX]
            if 0 < number <= len(self._history)
        )

    async def files_of(
        self, project: NormalizedName, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        places = [place for ref, place in self._current.items() if ref.project == project]
        return self._page(places, before, limit)

    async def filenames_of(self, project: NormalizedName) -> tuple[tuple[int, str], ...]:
        found = [
            (p + 1, ref.filename) for ref, p in self._current.items() if ref.project == project
        ]
        return tuple(sorted(found, reverse=True)[:ROWS_MAX])

    async def history(
        self, ref: ArtifactRef, *, before: int = 0, limit: int
    ) -> tuple[Recorded, ...]:
        places = [place for place, made in enumerate(self._history) if made.ref == ref]
        return self._page(places, before, limit)

    async def flow(self, *, since: datetime) -> tuple[Hour, ...]:
        served = sorted(fetch.at for fetch in self._fetches if fetch.at >= since)
        made: list[tuple[datetime, Action]] = [
            (at, decision.action)
            for at, decision in zip(self._recorded_at, self._history, strict=True)
            if at >= since and not decision.served and decision.hold is not HoldKind.ANALYSIS
        ]
        counts = Counter((_hour(at), "served") for at in served[-FLOW_ROWS_MAX:])
        for at, action in sorted(made)[-FLOW_ROWS_MAX:]:
            counts[_hour(at), "held" if action is Action.HOLD else "denied"] += 1
        return tuple(
            Hour(
                began=hour,
                served=counts[hour, "served"],
                held=counts[hour, "held"],
                denied=counts[hour, "denied"],
            )
            for hour in sorted({hour for hour, _ in counts})
        )

    async def queue_state(self) -> QueueState:
        jobs = self._queue.open_jobs()
        counts = Counter(job.state for job in jobs)
        return QueueState(
            queued=counts[JobState.QUEUED],
            leased=counts[JobState.LEASED],
            observed=counts[JobState.OBSERVED],
            oldest=min((job.created_at for job in jobs), default=None),
        )

    async def workers_seen(self) -> tuple[WorkerSeen, ...]:
        posts = self._queue.posts_by_worker()
        names = sorted({*posts, *self._queue.distrusted})
        return tuple(
            WorkerSeen(
                name=name,
                posts=len(posts.get(name, ())),
                posted_at=max(posts.get(name, ()), default=None),
                distrusted_at=self._queue.distrusted.get(name),
            )
            for name in names[:WORKERS_MAX]
        )

    async def fetches_page(
        self, sha256: Sha256, *, before: int = 0, limit: int
    ) -> tuple[tuple[int, Fetch], ...]:
        numbered = enumerate(self._fetches, 1)
        return _below([pair for pair in numbered if pair[1].ref.sha256 == sha256], before, limit)

    async def overrides_page(
        self, *, active_at: datetime | None = None, before: int = 0, limit: int
    ) -> tuple[tuple[int, Override], ...]:
        numbered = enumerate(self._overrides.values(), 1)
        wanted = [pair for pair in numbered if active_at is None or pair[1].active(active_at)]
        return _below(wanted, before, limit)

    def _page(self, places: Iterable[int], before: int, limit: int) -> tuple[Recorded, ...]:
        rows = [(place + 1, self._row(place)) for place in places]
        return tuple(row for _, row in _below(rows, before, limit))

    def _row(self, place: int) -> Recorded:
        decision = self._history[place]
        return Recorded(
            number=place + 1,
            id=decision.id,
            decision=decision,
            recorded_at=self._recorded_at[place],
            current=self._current.get(decision.ref) == place,
        )


def _below(rows: Iterable[tuple[int, T]], before: int, limit: int) -> tuple[tuple[int, T], ...]:
    """The rows numbered below `before` (0: all), newest first."""
    below = [pair for pair in rows if before <= 0 or pair[0] < before]
    return tuple(sorted(below, key=lambda pair: -pair[0])[: row_limit(limit)])


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
