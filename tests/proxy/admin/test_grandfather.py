"""Grandfathering: bound to bytes and a day, all or none, and never for what is known to be malicious."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.artifact import ArtifactRef, Sha256
from models.decision import Action
from models.errors import NotAllowed, OverrideInvalid, StoreConflict
from policies.case import Case
from policies.evaluate import evaluate
from proxy.admin.access import Principal, Role, at_the_machine
from proxy.admin.grandfather import Grandfathered, grandfather
from proxy.lockfiles import Lock, Locked, read_lock
from proxy.store.memory import MemoryStore
from proxy.store.port import Feed
from tests.analyzer.advisories.records import advisory
from tests.models.examples import evidence, proof
from tests.policies.examples import policy
from tests.proxy.store.values import START, FakeClock, make_ref, name

ADMIN = at_the_machine("ada")
UNTIL = START + timedelta(days=90)
A, B = Sha256("a" * 64), Sha256("b" * 64)
DEMO = Locked(project=name("demo"), version="1.0", sha256s=(A, B))


@pytest.fixture(name="store")
def _store() -> MemoryStore:
    return MemoryStore(clock=FakeClock())


def lock(*releases: Locked, source: str = "uv.lock") -> Lock:
    return Lock(source=source, releases=releases or (DEMO,), unpinned=("loose",))


async def done(
    store: MemoryStore, *locks: Lock, until: datetime = UNTIL, text: str = "", **rest: object
) -> Grandfathered:
    numbers = itertools.count(len(await store.overrides()))
    return await grandfather(
        store,
        ADMIN,
        locks or (lock(),),
        policy=policy(text),
        until=until,
        clock=lambda: START,
        new_id=lambda: f"g{next(numbers)}",
        **rest,  # type: ignore[arg-type]
    )


def file(sha256: Sha256 = A, version: str = "1.0") -> ArtifactRef:
    return replace(make_ref(version=version), sha256=sha256)


async def action(
    store: MemoryStore, of: ArtifactRef, at: datetime = START, text: str = ""
) -> Action:
    overrides = await store.overrides(project=of.project)
    case = Case(ref=of, as_of=at, facts=None, evidence=None, score=None, overrides=overrides)
    return evaluate(case, policy(text)).action


async def test_grandfather__allows_these_bytes_of_this_release_until_the_day(
    store: MemoryStore,
) -> None:
    outcome = await done(store)
    assert (len(outcome.made), outcome.files, outcome.covered) == (1, 2, 0)
    assert outcome.unpinned == ("loose",)
    deny = '[[rule]]\nname = "no"\noutcome = "deny"\nprojects = ["demo"]\n'
    for sha256 in (A, B):
        assert await action(store, file(sha256), text=deny) is Action.SERVE
    assert await action(store, file(Sha256("c" * 64))) is Action.HOLD
    assert await action(store, file(version="2.0")) is Action.HOLD
    assert await action(store, file(), at=UNTIL - timedelta(seconds=1)) is Action.SERVE
    assert await action(store, file(), at=UNTIL) is Action.HOLD
    (made,) = await store.overrides()
    assert made.justification == "Pinned by uv.lock, from before the firewall"
    assert [(row.actor, row.action) for row in await store.audit()] == [("ada", "override_added")]


async def test_grandfather__a_proof_still_blocks(store: MemoryStore) -> None:
    await done(store)
    of = file()
    seen = evidence(of, findings=(proof(),))
    case = Case(
        ref=of,
        as_of=START,
        facts=None,
        evidence=seen,
        score=None,
        overrides=await store.overrides(),
    )
    assert evaluate(case, policy()).action is Action.DENY


async def test_grandfather__the_same_lock_again_makes_nothing_new(store: MemoryStore) -> None:
    await done(store)
    assert (await done(store)).covered == 1
    assert (await done(store, until=UNTIL - timedelta(days=1))).covered == 1
    assert len(await store.overrides()) == 1
    assert (await done(store, until=UNTIL + timedelta(days=1))).covered == 1
    longer = await done(store, until=UNTIL + timedelta(days=1, seconds=1))
    assert (len(longer.made), longer.covered) == (1, 0)
    more = replace(DEMO, sha256s=(A, B, Sha256("c" * 64)))
    assert len((await done(store, lock(more))).made) == 1


async def test_grandfather__several_locks_are_one(store: MemoryStore) -> None:
    one, other = replace(DEMO, sha256s=(A,)), replace(DEMO, sha256s=(B,))
    outcome = await done(store, lock(one), lock(other, source="poetry.lock"))
    (made,) = outcome.made
    assert made.bound == (A, B)
    assert "uv.lock, poetry.lock" in made.justification


@pytest.mark.parametrize("record", [{"versions": ("1.0",)}, {"sha256s": (A, B)}])
async def test_grandfather__what_is_known_to_be_malicious_is_left_out(
    store: MemoryStore, record: dict[str, Any]
) -> None:
    feed = Feed(name="x", source="/x", tried_at=START, succeeded_at=START)
    await store.import_advisories(feed, [advisory(**record)], now=START)
    outcome = await done(store)
    assert outcome.malicious == (DEMO,)
    assert outcome.made == ()
    assert await store.overrides() == ()


async def test_grandfather__policy_may_forbid_it_and_says_so_once(store: MemoryStore) -> None:
    other = replace(DEMO, project=name("other"))
    with pytest.raises(OverrideInvalid) as caught:
        await done(store, lock(DEMO, other), text="[overrides]\ndays_max = 7\n")
    assert [problem.where for problem in caught.value.problems] == ["expires"]
    assert await store.overrides() == ()


async def test_grandfather__a_dry_run_and_a_reviewer_change_nothing(store: MemoryStore) -> None:
    assert (await done(store, dry_run=True)).files == 2
    reviewer = Principal(name="r", role=Role.REVIEWER)
    with pytest.raises(NotAllowed):
        await grandfather(
            store, reviewer, (lock(),), policy=policy(), until=UNTIL, clock=lambda: START
        )
    assert await store.overrides() == ()


async def test_grandfather__one_that_cannot_be_kept_keeps_none(store: MemoryStore) -> None:
    await done(store)
    third, fourth = (replace(DEMO, project=name(text)) for text in ("third", "fourth"))
    ids = iter(["new", "g0"])
    with pytest.raises(StoreConflict):
        await grandfather(
            store,
            ADMIN,
            (lock(third, fourth),),
            policy=policy(),
            until=UNTIL,
            clock=lambda: START,
            new_id=lambda: next(ids),
        )
    assert [one.project for one in await store.overrides()] == ["demo"]


async def test_grandfather__a_name_without_a_version_is_bound_by_bytes_alone(
    store: MemoryStore,
) -> None:
    read = read_lock("r.txt", f"demo --hash=sha256:{A}".encode())
    await done(store, read)
    assert await action(store, file(version="7.0")) is Action.SERVE
    assert await action(store, file(B, version="7.0")) is Action.HOLD
