"""Once a dependency is refused, those it was served with are judged again: once, and few at a time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from models.artifact import ArtifactRef, Sha256
from models.decision import Action, ReasonCode, reason
from models.facts import Facts
from proxy.judge.dependants import concerned
from proxy.judge.upkeep import DEPENDANTS_BATCH
from proxy.store.memory import MemoryStore
from proxy.store.port import Change, Dependency
from tests.models.examples import NOW, facts, finding, ref
from tests.proxy.judge.examples import Room
from tests.proxy.store.values import FakeClock, make_decision

LATER = NOW + timedelta(hours=1)
LIB = ref("lib-1.0-py3-none-any.whl", "b" * 64)
CHANGE = Change(generation=1, index=LIB.index, project=LIB.project)


def app(number: int = 0) -> ArtifactRef:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return ref(f"app{number}-1.0-py3-none-any.whl", Sha256(digest))


async def hang(store: MemoryStore, *refs: ArtifactRef) -> None:
    lib = Dependency(project=LIB.project, version="1.0", sha256=LIB.sha256)
    for one in refs:
        await store.put_dependencies(one, [lib])


async def concerning(store: MemoryStore) -> tuple[ArtifactRef, ...]:
    return await concerned(store, CHANGE, await store.decisions_of(LIB.index, LIB.project))


async def test_concerned__are_those_served_before_the_refusal() -> None:
    store = MemoryStore(clock=FakeClock())
    await hang(store, app(0), app(1), app(2), app(3))
    await store.put_decision(make_decision(app(0), as_of=NOW))
    await store.put_decision(make_decision(app(1), as_of=LATER + timedelta(seconds=1)))
    await store.put_decision(make_decision(app(2), action=Action.DENY, as_of=NOW))
    assert await concerning(store) == ()
    await store.put_decision(make_decision(LIB, as_of=NOW))
    assert await concerning(store) == ()
    await store.put_decision(make_decision(LIB, action=Action.DENY, as_of=LATER))
    assert await concerning(store) == (app(0),)


async def test_concerned__are_those_that_blame_it_once_it_is_served_again() -> None:
    store = MemoryStore(clock=FakeClock())
    await hang(store, app(0), app(1))
    blamed = reason(ReasonCode.FINDING, finding="dependency-refused")
    held = make_decision(app(0), action=Action.HOLD, as_of=NOW)
    await store.put_decision(replace(held, reasons=(blamed,)))
    await store.put_decision(make_decision(app(1), action=Action.HOLD, as_of=NOW))
    await store.put_decision(make_decision(LIB, as_of=LATER))
    assert await concerning(store) == (app(0),)


async def test_upkeep__judges_dependants_again_with_fresh_facts_and_no_storm() -> None:
    room = Room()
    count = DEPENDANTS_BATCH + 3
    asked: list[ArtifactRef] = []

    def now_refused(of: ArtifactRef) -> Facts:
        asked.append(of)
        return facts(of, findings=(finding("dependency-refused"),))

    for number in range(count):
        await room.observe(app(number))
        await room.desk.judge_ref(app(number))
    await hang(room.store, *(app(number) for number in range(count)))
    upkeep = room.desk._upkeep
    while await upkeep.sweep():
        pass
    served = [await room.store.decision_of(app(number)) for number in range(count)]
    assert all(one is not None and one.served for one in served)
    room.facts_of = now_refused
    room.clock.turn(hours=1)
    await room.store.put_decision(make_decision(LIB, action=Action.DENY, as_of=room.clock()))
    assert await upkeep.sweep()
    assert len([one for one in asked if one != LIB]) == DEPENDANTS_BATCH
    while await upkeep.sweep():
        pass
    assert sorted(one.project for one in asked if one != LIB) == sorted(
        app(number).project for number in range(count)
    )
    await room.store.touch_project(LIB.index, LIB.project)
    while await upkeep.sweep():
        pass
    assert len([one for one in asked if one != LIB]) == count
