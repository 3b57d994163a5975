"""Seeded faults: whatever fails and whenever the desk is killed, what is stored ends up true."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from models.artifact import ArtifactRef
from models.decision import Action, Override, OverrideAction
from models.errors import JudgeRefused, JudgeUnavailable, UpstreamUnavailable
from models.evidence import Finding, Severity
from models.work import JobState, Priority
from policies.document import parse_policy
from proxy.judge.upkeep import spoken_for
from tests.models.examples import evidence, facts, finding, override, proof, ref
from tests.proxy.judge.examples import MODEL, Room

SEEDS = range(8)
LIVES = 4
"""Times the desk is killed."""
STEPS = 15
"""Things that happen in each of its lives."""
REFS = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n + 1:064x}") for n in range(6)]
POLICIES = [
    parse_policy(f'mode = "enforce"\nminimum_age_hours = {hours}', source="test")
    for hours in (0, 24, 24 * 200)
]
FINDINGS: list[tuple[Finding, ...]] = [
    (),
    (finding(severity=Severity.MEDIUM),),
    (finding(severity=Severity.HIGH),),
    (proof(),),
]
PROVEN = FINDINGS[3]


class Simulation:
    """One run of everything, from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self.room = Room()
        self.proven: dict[ArtifactRef, bool] = {}
        self.leases = 0
        self.overrides: list[Override] = []

    async def run(self) -> None:
        steps = (
            self.request,
            self.request,
            self.work,
            self.work,
            self.work,
            self.break_judge,
            self.break_facts,
            self.change_policy,
            self.turn_clock,
            self.add_override,
            self.revoke_override,
        )
        for _ in range(LIVES):
            async with self.room.running() as desk:
                for _ in range(STEPS):
                    await self.chance.choice(steps)()
                    desk.nudge()
                    for _ in range(self.chance.choice((0, 3, 30, 100))):
                        await asyncio.sleep(0)
            self.room.desk = self.room.new_desk()  # the one before was killed where it stood

    async def request(self) -> None:
        """Somebody asks for a file."""
        about = self.chance.choice(REFS)
        priority = self.chance.choice((Priority.FILE, Priority.RESCAN))
        await self.room.store.enqueue(
            about, size_bytes=1, facts=facts(about), priority=priority, now=self.room.clock()
        )

    async def work(self) -> None:
        """A worker takes the next job, and completes it, fails, or falls silent."""
        self.leases += 1
        now, store = self.room.clock(), self.room.store
        lease = await store.lease(worker="w1", lease_id=f"l{self.leases}", now=now)
        if lease is None:
            return
        end = self.chance.choice(("complete", "complete", "complete", "fail", "silence"))
        if end == "complete":
            found = self.chance.choice(FINDINGS)
            # No two runs take equally long, so that no two documents are the same.
            seen = evidence(lease.ref, findings=found, duration_ms=self.leases)
            await store.complete(lease.lease_id, worker="w1", evidence=seen, blobs=(), now=now)
            self.proven[lease.ref] = found == PROVEN
        elif end == "fail":
            await store.fail(lease.lease_id, worker="w1", error="broken", now=now)

    async def break_judge(self) -> None:
        kinds = (JudgeUnavailable("away"), JudgeRefused("odd"), RuntimeError("bug"))
        self.room.judge.errors += self.chance.choices(kinds, weights=(8, 1, 1), k=3)

    async def break_facts(self) -> None:
        self.room.facts_errors += [UpstreamUnavailable("down")] * self.chance.randrange(4)

    async def change_policy(self) -> None:
        self.room.policy = self.chance.choice(POLICIES)

    async def turn_clock(self) -> None:
        self.room.clock.turn(minutes=self.chance.choice((1, 16, 60, 60 * 24)))

    async def add_override(self) -> None:
        now = self.room.clock()
        action = self.chance.choice((OverrideAction.ALLOW, OverrideAction.DENY))
        about = self.chance.choice(REFS)
        made = override(
            action,
            id=f"o{len(self.overrides)}",
            specifier=self.chance.choice(("", f"=={about.version}")),
            bound=(),
            future=action is OverrideAction.ALLOW,
            created_at=now,
            expires_at=now + timedelta(hours=self.chance.choice((1, 48))),
        )
        self.overrides.append(made)
        await self.room.store.add_override(made)

    async def revoke_override(self) -> None:
        if self.overrides:
            made = self.chance.choice(self.overrides)
            await self.room.store.revoke_override(made.id, actor="bob", at=self.room.clock())

    async def quiet(self) -> bool:
        """Whether nothing is left to do for the desk."""
        store, now = self.room.store, self.room.clock()
        if await store.observed_jobs() or await store.decisions_expired(now, limit=1):
            return False
        if await store.decisions_not_resting_on(self.room.policy.digest, MODEL, limit=1):
            return False
        for about in REFS:
            decision = await store.decision_of(about)
            if decision is None:
                continue
            known = await store.overrides(project=about.project)
            if spoken_for(decision, known, self.room.policy, now) != decision.override_id:
                return False
        return True


@pytest.mark.parametrize("seed", SEEDS)
async def test_desk__ends_in_the_truth_whatever_failed(seed: int) -> None:
    simulation = Simulation(seed)
    await simulation.run()
    room = simulation.room
    # What was refused is left alone for a while; after it everything must come to rest.
    room.judge.errors.clear()
    room.facts_errors.clear()
    room.clock.turn(hours=2)
    async with room.running() as desk:
        desk.nudge()
        await room.until(simulation.quiet)
    for about in REFS:
        decision = await room.store.decision_of(about)
        job = await room.store.job_of(about)
        if decision is None:
            assert job is None or job.state is not JobState.DECIDED, f"seed {seed}: {about} is lost"
            continue
        if simulation.proven.get(about) and decision.evidence_digest is not None:
            assert decision.action is Action.DENY, f"seed {seed}: a proof is served"
        again = await room.desk.judge_ref(about)
        same = replace(
            again,
            as_of=decision.as_of,
            facts_digest=decision.facts_digest,
            score=decision.score,
            expires_at=decision.expires_at,
        )
        assert (same.action, same.hold, same.override_id, same.policy_digest) == (
            decision.action,
            decision.hold,
            decision.override_id,
            decision.policy_digest,
        ), f"seed {seed}: {about} is not what it would be now"
    assert await room.store.verify_audit() > 0
