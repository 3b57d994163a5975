"""Where observed jobs become decisions, and decisions are kept true: the judge's side in the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from models.artifact import ArtifactRef
from models.canonical import Digest
from models.clock import Clock
from models.decision import Decision
from models.errors import JudgeRefused, PratiqueError
from models.evidence import Layer
from models.work import Job
from policies.policy import Policy
from proxy.judge.advised import Advised
from proxy.judge.hearing import FactsSource, Hearings
from proxy.judge.port import Judge
from proxy.judge.upkeep import Upkeep, leave_it
from proxy.store.port import Store

LOG = structlog.get_logger()

JUDGING_MAX = 8
"""Observed jobs judged at once; what takes time is asking for facts, not the judge."""
OBSERVED_BATCH = 200
"""Observed jobs looked at in one round."""
REFUSALS_MAX = 3
"""Times the judge may refuse a job's evidence before the job ends as analysis-failed."""


CATCHING_UP_REST = 19
"""How long upkeep rests after a start, of what each of its sweeps took: a twentieth of the time is its.

Never longer than it rests anyway, for leases run out and decisions end meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTimes:
    """How long the desk waits between looks. A nudge always comes first."""

    look_s: float = 2.0
    """Seconds between two looks for observed jobs, should a nudge be lost (another process's)."""
    upkeep_s: float = 2.0
    """Seconds between two sweeps of upkeep."""
    upkeep_pause_s: float = 0.1
    """Seconds that sweeps are apart even when there is more to do."""
    retry_first_s: float = 0.2
    """Seconds before a job that could not be judged is tried again; doubles up to `retry_last_s`."""
    retry_last_s: float = 10.0


class Desk:
    """Judges what was observed at once when nudged; loses nothing while judge or store are away.

    Everything it knows stands in the store, so a killed desk goes on where it was.
    """

    def __init__(
        self,
        *,
        store: Store,
        judge: Judge,
        policy: Callable[[], Policy],
        model_digest: Callable[[Policy], Digest],
        clock: Clock,
        on_decision: Callable[[Decision], None] = lambda _: None,
        layers_off: tuple[Layer, ...] = (),
        facts: FactsSource,
        advised: Advised | None = None,
        times: DeskTimes | None = None,
        origin: str = "",
        lease_expired: Callable[[str], Awaitable[None]] = leave_it,
    ) -> None:
        """`origin` is ours, for links in what is told; `lease_expired` hears of a silent worker."""
        self._store = store
        self._clock = clock
        self._times = times or DeskTimes()
        self._observed = asyncio.Event()
        self._due = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._failures: dict[int, int] = {}
        self._refusals: dict[int, int] = {}
        self._not_before: dict[int, float] = {}
        self._hearings = Hearings(
            store=store,
            judge=judge,
            policy=policy,
            model_digest=model_digest,
            clock=clock,
            on_decision=on_decision,
            layers_off=layers_off,
            facts=facts,
            advised=advised,
            origin=origin,
        )
        self._upkeep = Upkeep(
            store=store,
            hearings=self._hearings,
            policy=policy,
            model_digest=model_digest,
            clock=clock,
            layers_off=layers_off,
            advised=advised,
            nudge=self._observed.set,
            lease_expired=lease_expired,
        )

    def nudge(self) -> None:
        """Say that there may be something to do: evidence came, a decision ended, an override."""
        self._observed.set()
        self._due.set()

    async def judge_ref(self, ref: ArtifactRef) -> Decision:
        """Derive the decision about `ref` now, and store it where it says anything new.

        Raises JudgeUnavailable, JudgeRefused or StoreError.
        """
        return await self._hearings.hear(ref, fresh=True)

    async def requeue(self, ref: ArtifactRef) -> bool:
        """Queue `ref` for another analysis in the background; False where there is no room now."""
        return await self._hearings.requeue(ref)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. What is under way then is left to the next run."""
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._judge_observed(group), name="desk-observed")]
            loops.append(group.create_task(self._keep_up(), name="desk-upkeep"))
            await stop.wait()
            for task in (*loops, *self._busy.values()):
                task.cancel()

    async def _judge_observed(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._observed.clear()
            try:
                waiting = await self._store.observed_jobs(limit=OBSERVED_BATCH)
            except PratiqueError as error:
                LOG.warning("observed_jobs_not_read", error=error.message)
            except Exception:  # task edge, as below
                LOG.exception("observed_jobs_not_read")
            else:
                self._begin(waiting, group)
            await _rung(self._observed, self._times.look_s)

    def _begin(self, waiting: tuple[Job, ...], group: asyncio.TaskGroup) -> None:
        self._forget({job.id for job in waiting})
        for job in waiting:
            if len(self._busy) < JUDGING_MAX and self._is_due(job):
                task = group.create_task(self._judge_job(job), name=f"judge-{job.id}")
                self._busy[job.id] = task
                task.add_done_callback(partial(self._done, job.id))

    async def _keep_up(self) -> None:
        while True:
            self._due.clear()
            begun = _now()
            more = await self._upkeep.sweep()
            await asyncio.sleep(self._times.upkeep_pause_s)
            if more and self._upkeep.catching_up:
                # Half a million projects take minutes of what answers requests; a bell cuts it short.
                rest = min(CATCHING_UP_REST * (_now() - begun), self._times.upkeep_s)
                await _rung(self._due, rest)
            if not more:
                await _rung(self._due, self._times.upkeep_s)

    async def _judge_job(self, job: Job) -> None:
        given_up = self._refusals.get(job.id, 0) >= REFUSALS_MAX
        try:
            await self._hearings.hear(job.ref, fresh=True, given_up=given_up)
        except JudgeRefused as error:
            self._refusals[job.id] = self._refusals.get(job.id, 0) + 1
            self._later(job, error.message)
        except PratiqueError as error:
            self._later(job, error.message)
        except Exception:  # task edge: one odd case must not end the desk; it counts as a refusal
            LOG.exception("job_not_judged", filename=job.ref.filename)
            self._refusals[job.id] = self._refusals.get(job.id, 0) + 1
            self._later(job, "unexpected error")
        else:
            LOG.info(
                "job_decided",
                job_id=job.id,
                filename=job.ref.filename,
                attempts=job.attempts,
                # The job was queued when its bytes lay verified on disk.
                queued_ms=int((self._clock() - job.created_at).total_seconds() * 1000),
            )
            self._refusals.pop(job.id, None)
            self._failures.pop(job.id, None)
            # It is no longer observed. Should the store see that otherwise, it is no race.
            self._not_before[job.id] = _now() + self._times.retry_last_s

    def _later(self, job: Job, error: str) -> None:
        """The job stays observed in the store; look at it again after a while."""
        failures = self._failures.get(job.id, 0) + 1
        self._failures[job.id] = failures
        delay = min(self._times.retry_first_s * 2 ** (failures - 1), self._times.retry_last_s)
        LOG.warning(
            "judgement_postponed", filename=job.ref.filename, error=error, delay_s=round(delay, 1)
        )
        self._not_before[job.id] = _now() + delay
        asyncio.get_running_loop().call_later(delay, self._observed.set)

    def _is_due(self, job: Job) -> bool:
        if job.id in self._busy:
            return False
        return _now() >= self._not_before.get(job.id, 0.0)

    def _done(self, number: int, _: asyncio.Task[None]) -> None:
        self._busy.pop(number, None)
        self._observed.set()

    def _forget(self, waiting: set[int]) -> None:
        """Let go of what is remembered of jobs that are no longer observed."""
        for memory in (self._failures, self._refusals, self._not_before):
            for number in [known for known in memory if known not in waiting]:
                del memory[number]


def _now() -> float:
    """The loop's own time, for delays; decisions use the clock."""
    return asyncio.get_running_loop().time()


async def _rung(bell: asyncio.Event, timeout_s: float) -> None:
    """Wait for `bell`, at most so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return
