"""A policy changes under a bounded load: no request is dropped, and none is decided by another policy."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from models.artifact import ArtifactRef
from models.canonical import Digest
from policies.document import parse_policy
from proxy.policyfile import PolicyFile
from tests.proxy.web.decided import denied, served, until
from tests.proxy.web.house import House, open_house, path_of

RELOADS = 50
CLIENTS = 8
"""Requests under way at once."""
FILES = 12
PLAIN = 'mode = "enforce"\n'
STRICT = PLAIN + '[[rule]]\nname = "no-odd"\noutcome = "deny"\nprojects = ["odd"]\n'
OTHER = PLAIN + '[[rule]]\nname = "others"\noutcome = "hold"\nprojects = ["acme-*"]\n'
BROKEN = PLAIN + '[[rule]]\nname = "no-odd"\noutcome = "dney"\nprojects = ["odd"]\n'
STRICT_DIGEST = parse_policy(STRICT, source="test").digest
TURNS = (STRICT, BROKEN, OTHER, "mode = ", PLAIN)


@dataclass
class Load:
    """What the clients saw."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stop: bool = False

    def grown(self, by: int) -> Callable[[], bool]:
        """Whether so many answers came since now, or a wrong one."""
        seen = self.answers["all"]
        return lambda: self.answers["all"] >= seen + by or bool(self.wrong)


async def client(
    house: House, policy: PolicyFile, files: dict[str, bytes], load: Load, first: int
) -> None:
    """Ask for one file after the other; each answer is held against the policy that was in force."""
    paths = [*files.items()][first:] + [*files.items()][:first]
    while not load.stop:
        for path, data in paths:
            before = policy.current().digest
            answer = await house.get(path)
            after = policy.current().digest
            load.answers["all"] += 1
            load.answers[str(answer.status)] += 1
            if "/odd/" in path:
                _odd(load, before, after, answer.status)
            elif "/bad/" in path:
                if answer.status != 403:
                    load.wrong.append(f"bad: {answer.status}")
            elif (answer.status, answer.body) != (200, data):
                load.wrong.append(f"{path}: {answer.status} under {before} and {after}")


def _odd(load: Load, before: Digest, after: Digest, status: int) -> None:
    """A file that one of the policies denies: right by the policy at either end of the request."""
    right = {403 if one == STRICT_DIGEST else 200 for one in (before, after)}
    load.answers[f"odd {status}"] += 1
    if before == after and status not in right:
        load.wrong.append(f"odd: {status} under {before}")


@pytest.mark.timeout(120)
async def test_reload__under_load_drops_and_mis_decides_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(PLAIN)
    policy = PolicyFile(file)
    async with open_house(tmp_path, current=policy.current) as house:
        files = await published(house)
        load = Load()
        clients = [
            asyncio.create_task(client(house, policy, files, load, first))
            for first in range(CLIENTS)
        ]
        loaded = 0
        for turn in range(RELOADS):
            file.write_text(TURNS[turn % len(TURNS)])
            os.utime(file, (turn + 1, turn + 1))
            loaded += await policy.follow(house.store)
            await until(load.grown(len(files)))
        load.stop = True
        await asyncio.gather(*clients)
        assert load.wrong == []
        assert loaded == RELOADS // len(TURNS) * 3
        assert load.answers["odd 403"] > 0
        assert load.answers["odd 200"] > 0
        assert load.answers["all"] >= RELOADS * len(files)
        records = await house.fetches(limit=10_000)
        # A fetch is on record before its first byte leaves, also where the policy turned meanwhile.
        turned = len(records) - load.answers["200"]
        assert 0 <= turned <= load.answers["odd 403"]


async def published(house: House) -> dict[str, bytes]:
    """Approved files, one that a policy will deny, and one that is denied; by path."""
    files: dict[str, bytes] = {}
    for number in range(FILES):
        name, data = f"good{number}-1.0-py3-none-any.whl", b"good %d" % number
        ref = house.upstream.publish(name, data)
        await house.decide(served(ref))
        files[path_of(ref)] = data
    odd: ArtifactRef = house.upstream.publish("odd-1.0-py3-none-any.whl", b"odd")
    await house.decide(served(odd))
    evil = house.upstream.publish("bad-1.0-py3-none-any.whl", b"bad")
    await house.decide(denied(evil))
    return files | {path_of(odd): b"odd", path_of(evil): b"bad"}
