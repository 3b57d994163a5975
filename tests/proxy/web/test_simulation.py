"""The invariant: no byte of an artifact leaves without a SERVE decision for that digest.

A seeded random walk of decisions, overrides, expiries, outages and requests in every form. The
oracle does not ask the gate: it keeps its own account of what was ever said about each ref. A
failure prints its seed.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.artifact import ArtifactRef
from models.decision import Action, Decision, HoldKind, Override, OverrideAction
from tests.proxy.web.decided import denied, held, override, proved, served
from tests.proxy.web.house import House, open_house, path_of, unavailable

STEPS = 260
SEEDS = (1, 2, 3, 20261122)
FILES = (
    "demo-1.0-py3-none-any.whl",
    "demo-1.0.tar.gz",
    "demo-1.1-py3-none-any.whl",
    "demo-2.0-py3-none-any.whl",
    "other-1.0-py3-none-any.whl",
    "other-1.0.tar.gz",
)


def too_young(ref: ArtifactRef, **rest: Any) -> Decision:
    return held(ref, HoldKind.AGE, **rest)


VERDICTS = (served, served, served, denied, proved, held, too_young)


def body_of(filename: str) -> bytes:
    """Bytes in which every stretch of 24 names the file it comes from."""
    return b"".join(f"<{filename}:{n:06d}>".encode() for n in range(60))


class Walk:
    """One random walk, and the oracle beside it."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)  # noqa: S311 - a walk, no secret
        self.refs = [house.upstream.publish(name, body_of(name)) for name in FILES]
        self.told: dict[ArtifactRef, Decision] = {}
        self.overrides: dict[str, Override] = {}
        self.moves: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (6, self.judge),
            (2, self.add_override),
            (1, self.revoke_override),
            (2, self.pass_time),
            (1, self.upstream_fails_or_recovers),
            (1, self.store_fails_or_recovers),
            (16, self.request),
        ]

    async def run(self) -> None:
        weights = [weight for weight, _ in self.moves]
        for _ in range(STEPS):
            _, move = self.random.choices(self.moves, weights)[0]
            await move()

    # -- moves --------------------------------------------------------------------------------
    async def judge(self) -> None:
        if self.house.store.down:
            return
        ref = self.random.choice(self.refs)
        now = self.house.clock.now
        expires = self.random.choice([None, None, now + timedelta(minutes=3)])
        make: Callable[..., Decision] = self.random.choice(VERDICTS)
        self.told[ref] = await self.house.decide(make(ref, as_of=now, expires_at=expires))

    async def add_override(self) -> None:
        if self.house.store.down:
            return
        action = self.random.choice(list(OverrideAction))
        ref = self.random.choice(self.refs)
        now = self.house.clock.now
        by_sha256 = self.random.random() < 0.5
        added = override(
            action,
            id_=f"o{len(self.overrides)}",
            project=None if by_sha256 else ref.project,
            sha256=ref.sha256 if by_sha256 else None,
            created_at=now,
            expires_at=now + timedelta(minutes=self.random.randint(1, 9)),
        )
        await self.house.store.add_override(added)
        await self.house.reload()
        self.overrides[added.id] = added

    async def revoke_override(self) -> None:
        active = [o for o in self.overrides.values() if o.active(self.house.clock.now)]
        if not active or self.house.store.down:
            return
        chosen = self.random.choice(active)
        self.overrides[chosen.id] = await self.house.store.revoke_override(
            chosen.id, actor="walk", at=self.house.clock.now
        )
        await self.house.reload()

    async def pass_time(self) -> None:
        self.house.clock.forward(self.random.choice([1, 30, 200]))

    async def upstream_fails_or_recovers(self) -> None:
        up = self.house.upstream
        up.fault = None if up.fault else unavailable()

    async def store_fails_or_recovers(self) -> None:
        self.house.store.down = not self.house.store.down
        if not self.house.store.down:
            await self.house.reload()

    async def request(self) -> None:
        ref = self.random.choice(self.refs)
        method = self.random.choice(["GET", "GET", "GET", "HEAD"])
        suffix = self.random.choice(["", "", "", ".metadata", "?hop=3", "?hop=9"])
        headers = self.random.choice(
            [{}, {}, {"Range": "bytes=0-99"}, {"Range": "bytes=-40"}, {"If-None-Match": "*"}]
        )
        answer = await self.house.get(path_of(ref) + suffix, method=method, **headers)
        leaked = any(f"<{name}:".encode() in answer.body for name in FILES)
        length = str(len(body_of(ref.filename)))
        told_length = answer.headers.get("Content-Length") == length and answer.status < 300
        if leaked or told_length or answer.status in (200, 206, 304):
            assert self.may_leave(ref), (
                f"{method} {path_of(ref)}{suffix} {headers}: {answer.status}"
            )
        if leaked:
            assert f"<{ref.filename}:".encode() in answer.body or answer.status == 206
            assert answer.body in body_of(ref.filename)
            rows = await self.house.fetches(sha256=ref.sha256, limit=1)
            assert rows or self.house.door.fetch_log.spooling

    # -- the oracle ---------------------------------------------------------------------------
    def may_leave(self, ref: ArtifactRef) -> bool:
        """Whether anything that was ever said, and is in force, lets `ref` go."""
        now = self.house.clock.now
        active = [o for o in self.overrides.values() if o.active(now) and covers(o, ref)]
        if any(o.action is OverrideAction.DENY for o in active):
            return False
        told = self.told.get(ref)
        if told is not None and in_force(told, now):
            return told.action is Action.SERVE or bool(active)
        return bool(active)


def covers(override_: Override, ref: ArtifactRef) -> bool:
    return ref.sha256 == override_.sha256 or ref.project == override_.project


def in_force(decision: Decision, now: datetime) -> bool:
    return decision.expires_at is None or now < decision.expires_at


@pytest.mark.parametrize("seed", SEEDS)
async def test_walk__no_byte_leaves_without_a_serve_decision(tmp_path: Path, seed: int) -> None:
    async with open_house(tmp_path, hop_s=0.001) as house:
        await Walk(house, seed).run()
