"""The gate decides from memory, and what it does not know is held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName
from models.clock import Clock
from models.decision import Action, Decision, HoldKind, OverrideAction, ReasonCode
from models.errors import StoreError
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from proxy.admin.events import Event
from proxy.gate import SNAPSHOT_AGE_S, Gate
from proxy.simple.page import IndexFile
from proxy.store.memory import MemoryStore
from proxy.store.port import Change
from tests.proxy.web.decided import (
    INDEX,
    POLICY,
    START,
    StillClock,
    denied,
    held,
    override,
    proved,
    ref_of,
    served,
)

WHEEL = ref_of()
SDIST = ref_of("demo-1.0.tar.gz")
NEWER = ref_of("demo-2.0-py3-none-any.whl")
DEMO = WHEEL.project


class FlakyStore(MemoryStore):
    """A store that can be switched off, in whole or for reading decisions, or be slow at that."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.down = False
        self.unreadable = False
        self.damaged: NormalizedName | None = None
        self.read_began = asyncio.Event()
        self.read_may_end = asyncio.Event()
        self.read_may_end.set()

    async def decisions_of(self, index: IndexName, project: NormalizedName) -> tuple[Decision, ...]:
        self._answer()
        if self.unreadable or project == self.damaged:
            raise StoreError("The store went down between two questions.")
        found = await super().decisions_of(index, project)
        self.read_began.set()
        await self.read_may_end.wait()
        return found

    async def changes_since(
        self, generation: int, *, limit: int | None = None
    ) -> tuple[Change, ...]:
        self._answer()
        return await super().changes_since(generation, limit=limit)

    async def put_decision(
        self, decision: Decision, *, actor: str = "judge", telling: Sequence[Event] = ()
    ) -> None:
        self._answer()
        await super().put_decision(decision, actor=actor, telling=telling)

    def _answer(self) -> None:
        if self.down:
            raise StoreError("The store is down.")


@dataclass
class Bench:
    clock: StillClock = field(default_factory=StillClock)
    nudges: int = 0

    def __post_init__(self) -> None:
        self.store = FlakyStore(clock=self.clock)
        self.gate = Gate(
            store=self.store, policy=lambda: POLICY, clock=self.clock, nudge=self._nudge
        )

    def _nudge(self) -> None:
        self.nudges += 1

    async def load(self, *decisions: Decision) -> Gate:
        for decision in decisions:
            await self.store.put_decision(decision)
        await self.gate.load(INDEX, DEMO)
        return self.gate

    def decide(self, ref: ArtifactRef = WHEEL) -> Decision:
        return self.gate.decide(ref, requester="ci", as_of=self.clock.now)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def waits_for_analysis(decision: Decision) -> bool:
    return decision.action is Action.HOLD and decision.hold is HoldKind.ANALYSIS


async def test_decide__project_never_loaded_is_held(bench: Bench) -> None:
    await bench.store.put_decision(served(WHEEL))
    assert waits_for_analysis(bench.decide())


async def test_decide__unseen_file_of_a_loaded_project_is_held(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    assert waits_for_analysis(bench.decide(NEWER))


@pytest.mark.parametrize(
    "decision",
    [
        served(WHEEL),
        denied(WHEEL),
        proved(WHEEL),
        held(WHEEL, HoldKind.REVIEW),
        held(WHEEL, HoldKind.AGE),
    ],
    ids=lambda d: f"{d.action}-{d.hold}",
)
async def test_decide__stored_decision_is_the_answer(bench: Bench, decision: Decision) -> None:
    await bench.load(decision)
    assert bench.decide() == decision


async def test_decide__same_bytes_under_another_name_are_unseen(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    other = ArtifactRef(
        index=INDEX,
        project=DEMO,
        filename="demo-1.0-py2.py3-none-any.whl",
        sha256=WHEEL.sha256,
    )
    assert waits_for_analysis(bench.decide(other))


async def test_decide__store_down_before_the_project_was_seen_is_held(bench: Bench) -> None:
    await bench.store.put_decision(served(WHEEL))
    bench.store.down = True
    await bench.gate.load(INDEX, DEMO)
    assert waits_for_analysis(bench.decide())
    bench.store.down = False
    await bench.gate.load(INDEX, DEMO)
    assert bench.decide().served


async def test_decide__approval_outlives_the_store_for_a_bounded_time(bench: Bench) -> None:
    await bench.load(served(WHEEL), denied(NEWER))
    assert await bench.gate.poll()
    bench.store.down = True
    bench.clock.forward(SNAPSHOT_AGE_S)
    assert not await bench.gate.poll()
    assert bench.decide().served
    bench.clock.forward(1)
    assert waits_for_analysis(bench.decide())
    assert bench.decide(NEWER).action is Action.DENY, "a known denial persists"


async def test_decide__each_poll_renews_the_snapshot(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    for _ in range(3):
        bench.clock.forward(SNAPSHOT_AGE_S - 1)
        assert await bench.gate.poll()
        assert bench.decide().served


async def test_poll__change_that_cannot_be_read_stops_serving(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    await bench.gate.poll()
    await bench.store.put_decision(denied(WHEEL, as_of=START + timedelta(seconds=1)))
    bench.store.unreadable = True
    assert not await bench.gate.poll()
    assert waits_for_analysis(bench.decide())
    bench.store.unreadable = False
    assert await bench.gate.poll()
    assert bench.decide().action is Action.DENY


@pytest.mark.parametrize("damaged", [0, 1])
async def test_poll__one_unreadable_project_keeps_no_denial_from_another(
    bench: Bench, damaged: int
) -> None:
    refs = (WHEEL, ref_of("other-1.0-py3-none-any.whl"))
    for ref in refs:
        await bench.store.put_decision(served(ref))
        await bench.gate.load(INDEX, ref.project)
    await bench.gate.poll()
    for ref in refs:
        await bench.store.put_decision(denied(ref, as_of=START + timedelta(seconds=1)))
    bench.store.damaged = refs[damaged].project
    assert not await bench.gate.poll()
    assert not bench.decide(refs[damaged]).served
    assert bench.decide(refs[1 - damaged]).action is Action.DENY
    bench.store.damaged = None
    assert await bench.gate.poll()
    assert bench.decide(refs[damaged]).action is Action.DENY


@pytest.mark.parametrize(
    ("outcome", "action"), [("deny", Action.DENY), ("hold", Action.HOLD), ("serve", Action.SERVE)]
)
async def test_decide__a_new_rule_that_refuses_by_name_counts_at_once(
    outcome: str, action: Action
) -> None:
    policy = POLICY
    clock = StillClock()
    store = MemoryStore(clock=clock)
    gate = Gate(store=store, policy=lambda: policy, clock=clock)
    await store.put_decision(served(WHEEL))
    await gate.load(INDEX, DEMO)
    assert gate.decide(WHEEL, requester="ci", as_of=START).served
    rule = f'[[rule]]\nname = "no-demo"\noutcome = "{outcome}"\nprojects = ["demo"]\n'
    policy = parse_policy(DEFAULT_POLICY_TOML + rule, source="test")
    assert gate.decide(WHEEL, requester="ci", as_of=START).action is action


async def test_poll__another_process_decision_shows(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    heard: list[str] = []
    bench.gate.listen(lambda _, project: heard.append(project))
    before = bench.gate.revision(INDEX, DEMO)
    await bench.store.put_decision(denied(WHEEL, as_of=START + timedelta(seconds=1)))
    assert bench.decide().served
    assert await bench.gate.poll()
    assert bench.decide().action is Action.DENY
    assert heard == ["demo"]
    assert bench.gate.revision(INDEX, DEMO) != before


async def test_poll__touch_without_a_change_keeps_the_revision(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    before = bench.gate.revision(INDEX, DEMO)
    await bench.store.touch_project(INDEX, DEMO)
    assert await bench.gate.poll()
    assert bench.gate.revision(INDEX, DEMO) == before


async def test_put__older_decision_is_ignored(bench: Bench) -> None:
    gate = await bench.load(denied(WHEEL))
    gate.put(served(WHEEL, as_of=START - timedelta(seconds=1)))
    assert bench.decide().action is Action.DENY


async def test_load__decision_that_arrives_meanwhile_is_not_lost(bench: Bench) -> None:
    await bench.store.put_decision(served(WHEEL))
    bench.store.read_may_end.clear()
    loading = asyncio.create_task(bench.gate.load(INDEX, DEMO))
    await bench.store.read_began.wait()
    bench.gate.put(denied(WHEEL, as_of=START + timedelta(seconds=1)))
    bench.store.read_may_end.set()
    await loading
    assert bench.decide().action is Action.DENY


async def test_load__cancelled_request_does_not_stop_the_read(bench: Bench) -> None:
    await bench.store.put_decision(served(WHEEL))
    bench.store.read_may_end.clear()
    first = asyncio.create_task(bench.gate.load(INDEX, DEMO))
    await bench.store.read_began.wait()
    second = asyncio.create_task(bench.gate.load(INDEX, DEMO))
    first.cancel()
    bench.store.read_may_end.set()
    await second
    assert bench.decide().served


async def test_load__project_larger_than_memory_is_held() -> None:
    clock = StillClock()
    store = MemoryStore(clock=clock)
    gate = Gate(store=store, policy=lambda: POLICY, clock=clock, decisions_max=2)
    for ref in (WHEEL, SDIST, NEWER):
        await store.put_decision(served(ref))
    await gate.load(INDEX, DEMO)
    assert waits_for_analysis(gate.decide(WHEEL, requester="ci", as_of=clock.now))


# -- expiry and overrides ---------------------------------------------------------------------
async def test_decide__expired_approval_waits_for_the_judge(bench: Bench) -> None:
    await bench.load(served(WHEEL, expires_at=START + timedelta(hours=1)))
    assert bench.decide().served
    bench.clock.forward(3600)
    decision = bench.decide()
    assert waits_for_analysis(decision)
    assert decision.reasons[0].code is ReasonCode.STILL_CHECKING
    assert bench.nudges == 1


async def test_decide__expired_hold_waits_for_the_judge(bench: Bench) -> None:
    await bench.load(held(WHEEL, HoldKind.AGE, expires_at=START))
    assert waits_for_analysis(bench.decide())


async def test_decide__allow_of_an_unseen_file_serves(bench: Bench) -> None:
    await bench.store.add_override(override(OverrideAction.ALLOW))
    await bench.load()
    decision = bench.decide()
    assert decision.served
    assert decision.override_id == "o1"


async def test_decide__allow_binds_the_bytes_it_named(bench: Bench) -> None:
    await bench.store.add_override(
        override(OverrideAction.ALLOW, future=False, bound=(WHEEL.sha256,))
    )
    await bench.load()
    assert bench.decide(WHEEL).served
    assert waits_for_analysis(bench.decide(NEWER))


async def test_decide__allow_ends_when_it_says(bench: Bench) -> None:
    ends = START + timedelta(hours=1)
    await bench.store.add_override(override(OverrideAction.ALLOW, expires_at=ends))
    await bench.load()
    assert bench.decide().served
    bench.clock.now = ends
    assert waits_for_analysis(bench.decide())


async def test_decide__allow_begins_when_it_says(bench: Bench) -> None:
    begins = START + timedelta(hours=1)
    await bench.store.add_override(override(OverrideAction.ALLOW, created_at=begins))
    await bench.load()
    assert waits_for_analysis(bench.decide())
    bench.clock.now = begins
    assert bench.decide().served


async def test_decide__revoked_allow_stops_serving_at_the_next_poll(bench: Bench) -> None:
    await bench.store.add_override(override(OverrideAction.ALLOW))
    await bench.load(served(WHEEL, override_id="o1", evidence=None))
    assert bench.decide().served
    await bench.store.revoke_override("o1", actor="somebody", at=START)
    await bench.gate.poll()
    assert waits_for_analysis(bench.decide())


async def test_decide__new_deny_beats_a_stored_approval_at_once(bench: Bench) -> None:
    await bench.load(served(WHEEL), served(NEWER))
    await bench.store.add_override(override(OverrideAction.DENY, specifier="==1.0"))
    await bench.gate.poll()
    assert bench.decide(WHEEL).action is Action.DENY
    assert bench.decide(NEWER).served


async def test_decide__deny_by_sha256_alone_counts(bench: Bench) -> None:
    await bench.load(served(WHEEL))
    await bench.store.add_override(override(OverrideAction.DENY, project=None, sha256=WHEEL.sha256))
    await bench.gate.poll()
    assert bench.decide().action is Action.DENY


async def test_settle__word_is_stored_before_anybody_acts_on_it(bench: Bench) -> None:
    await bench.store.add_override(override(OverrideAction.ALLOW))
    await bench.load()
    decision = bench.decide()
    await bench.gate.settle(decision)
    assert await bench.store.decision_by_id(decision.id) == decision
    assert bench.gate.stored(WHEEL) == decision
    assert bench.decide().id == decision.id


async def test_settle__store_down_raises(bench: Bench) -> None:
    await bench.store.add_override(override(OverrideAction.ALLOW))
    await bench.load()
    bench.store.down = True
    with pytest.raises(StoreError):
        await bench.gate.settle(bench.decide())


async def test_settle__unseen_is_not_stored(bench: Bench) -> None:
    await bench.load()
    await bench.gate.settle(bench.decide())
    assert await bench.store.decisions() == ()


# -- releases ---------------------------------------------------------------------------------
async def test_decide__proof_taints_the_release_at_once(bench: Bench) -> None:
    proof = proved(WHEEL)
    await bench.load(proof, served(SDIST), served(NEWER))
    decision = bench.decide(SDIST)
    assert decision.action is Action.HOLD
    assert decision.hold is HoldKind.REVIEW
    assert decision.reasons[0].word("decision") == proof.id
    assert bench.decide(NEWER).served


async def test_decide__low_score_does_not_taint_the_release(bench: Bench) -> None:
    await bench.load(denied(WHEEL), served(SDIST))
    assert bench.decide(SDIST).served


async def test_decide__file_allowed_by_name_is_not_tainted(bench: Bench) -> None:
    await bench.store.add_override(
        override(OverrideAction.ALLOW, project=None, sha256=SDIST.sha256)
    )
    await bench.load(proved(WHEEL), served(SDIST, override_id="o1"))
    assert bench.decide(SDIST).served


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ((), ""),
        (("1.1",), "1.1"),
        (("1.1", "1.10", "1.9"), "1.10"),
        (("1.1", "3.0rc1"), "1.1"),
        (("3.0rc1",), "3.0rc1"),
        (("2.0",), ""),
    ],
)
async def test_alternative__highest_final_release_that_is_served(
    bench: Bench, versions: tuple[str, ...], expected: str
) -> None:
    approvals = [served(ref_of(f"demo-{v}-py2-none-any.whl")) for v in versions]
    gate = await bench.load(denied(NEWER), *approvals)
    assert gate.alternative(NEWER, as_of=START) == expected


async def test_alternative__expired_approval_is_no_advice(bench: Bench) -> None:
    gate = await bench.load(denied(NEWER), served(WHEEL, expires_at=START))
    assert gate.alternative(NEWER, as_of=START) == ""


def listed(*refs: ArtifactRef) -> list[IndexFile]:
    return [IndexFile(filename=ref.filename, url="", sha256=ref.sha256) for ref in refs]


async def test_view__holds_until_the_next_expiry(bench: Bench) -> None:
    soon = START + timedelta(minutes=5)
    await bench.load(served(WHEEL, expires_at=soon), denied(NEWER))
    view = await bench.gate.view(INDEX, DEMO, listed(WHEEL, NEWER, SDIST), as_of=START)
    assert set(view.decisions) == {WHEEL.key, NEWER.key}
    assert view.good_until == soon


async def test_view__deny_of_the_whole_project_marks_unseen_files(bench: Bench) -> None:
    await bench.store.add_override(override(OverrideAction.DENY))
    await bench.load()
    view = await bench.gate.view(INDEX, DEMO, listed(WHEEL), as_of=START)
    assert view.decisions[WHEEL.key].action is Action.DENY


async def test_follow__ends_when_told(bench: Bench) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(bench.gate.follow(stop))
    stop.set()
    await task
    assert bench.gate.confirmed_at() in (None, START)
