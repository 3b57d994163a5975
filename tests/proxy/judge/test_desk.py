"""The desk: what was observed gets decided, what was decided is kept true, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from analyzer.confusion.findings import OWNED_SIGNAL
from models.artifact import ArtifactRef, Sha256
from models.canonical import digest_of, digest_of_bytes
from models.decision import Action, Decision, HoldKind, OverrideAction, ReasonCode, TrustTier
from models.errors import (
    JudgeRefused,
    JudgeUnavailable,
    StoreError,
    UpstreamUnavailable,
)
from models.evidence import Layer, Severity, Shortfall
from models.facts import Facts, FactSignal
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from models.work import (
    ANALYSIS_RETRIES_MAX,
    ANALYSIS_RETRY_S,
    FACTS_RETRY_S,
    LEASE_S,
    JobState,
    Priority,
)
from policies.document import parse_policy
from proxy.judge.core import LocalJudge
from proxy.judge.desk import REFUSALS_MAX
from proxy.judge.upkeep import FOLLOW_BATCH, STALE_BATCH
from proxy.store.port import Token, TokenKind
from tests.models.examples import NOW, SHA, evidence, facts, finding, override, proof, ref
from tests.proxy.judge.examples import Room

FALLBACK = parse_policy('mode = "enforce"\nunseen = "fallback"', source="test")


async def job_state(room: Room) -> JobState | None:
    job = await room.store.job_of(ref())
    return job.state if job else None


# -- observed jobs -------------------------------------------------------------------------------


async def test_desk__an_observed_job_is_decided_and_told() -> None:
    room = Room()
    async with room.running() as desk:
        seen = await room.observe()
        desk.nudge()
        decision = await room.decided()
    assert (decision.action, decision.tier) == (Action.SERVE, TrustTier.APPROVE)
    assert room.told == [decision]
    assert await job_state(room) is JobState.DECIDED
    assert decision.evidence_digest is not None
    assert await room.store.evidence(decision.evidence_digest) == seen
    assert decision.facts_digest is not None
    assert await room.store.facts(decision.facts_digest) == facts()


async def test_desk__finds_what_was_observed_while_it_was_away() -> None:
    room = Room()
    await room.observe(findings=(proof(),))
    async with room.running():
        decision = await room.decided()
    assert decision.action is Action.DENY


async def test_desk__many_jobs_are_all_decided() -> None:
    room = Room()
    refs = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n:064x}") for n in range(40)]
    for about in refs:
        await room.observe(about)
    async with room.running() as desk:
        desk.nudge()
        for about in refs:
            assert (await room.decided(about)).served
    assert len(room.told) == 40


async def test_desk__a_judge_that_is_away_costs_time_and_nothing_else() -> None:
    room = Room()
    room.judge.errors = [JudgeUnavailable("away") for _ in range(5)]
    await room.observe()
    async with room.running():
        assert (await room.decided()).served
    assert len(room.judge.asked) == 6


@pytest.mark.parametrize("method", ["observed_jobs", "expire_leases", "generation"])
async def test_desk__an_odd_failure_does_not_end_it(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()
    await room.observe()
    real = getattr(room.store, method)
    failures = [ValueError("an odd row"), ValueError("an odd row")]

    async def odd(*args: object, **kwargs: object) -> object:
        if failures:
            raise failures.pop()
        return await real(*args, **kwargs)

    monkeypatch.setattr(room.store, method, odd)
    async with room.running() as desk:
        while failures:
            desk.nudge()
            await asyncio.sleep(0)
        assert (await room.decided()).served


async def test_desk__a_store_that_fails_once_costs_time_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room()
    await room.observe()
    real = room.store.put_decision
    failures = [StoreError("disk full"), StoreError("disk full")]

    async def flaky(decision: Decision, **rest: Any) -> None:
        if failures:
            raise failures.pop()
        await real(decision, **rest)

    monkeypatch.setattr(room.store, "put_decision", flaky)
    async with room.running():
        assert (await room.decided()).served
    assert len(room.told) == 1


async def test_desk__a_killed_desk_is_taken_over_by_the_next() -> None:
    room = Room()
    room.judge.gate = asyncio.Event()
    await room.observe()
    async with room.running():

        async def asked() -> bool:
            return bool(room.judge.asked)

        await room.until(asked)
    assert await room.store.decision_of(ref()) is None
    room.judge.gate = None
    room.desk = room.new_desk()
    async with room.running():
        assert (await room.decided()).served


@pytest.mark.parametrize("error", [JudgeRefused("odd"), RuntimeError("unexpected")])
async def test_desk__evidence_that_cannot_be_judged_ends_in_a_hold(error: Exception) -> None:
    room = Room()
    room.judge.errors = [error] * REFUSALS_MAX
    await room.observe()
    async with room.running():
        decision = await room.decided()
    assert (decision.action, decision.hold) == (Action.HOLD, HoldKind.REVIEW)
    assert decision.reasons[0].code is ReasonCode.INCOMPLETE
    assert await job_state(room) is JobState.DECIDED


async def test_desk__a_judge_of_another_version_is_refused() -> None:
    room = Room()
    newer = LocalJudge(RulesScorer(replace(RULES, revision=99)))
    room.judge._judge = newer
    await room.observe()
    async with room.running():
        assert (await room.decided()).reasons[0].code is ReasonCode.INCOMPLETE


async def test_desk__without_facts_it_judges_with_those_it_has_and_asks_again() -> None:
    room = Room()
    room.facts_errors = [UpstreamUnavailable("down"), UpstreamUnavailable("down")]
    await room.observe()
    async with room.running() as desk:
        decision = await room.decided()
        assert decision.tier is TrustTier.MONITOR
        assert decision.facts_digest is None
        room.facts_errors.clear()
        room.clock.turn(seconds=FACTS_RETRY_S)
        desk.nudge()

        async def approved() -> bool:
            return (await room.decided()).tier is TrustTier.APPROVE

        await room.until(approved)


async def test_desk__evidence_of_the_same_file_is_reused() -> None:
    room = Room()
    await room.observe()
    elsewhere = replace(ref(), index="other")  # type: ignore[arg-type]  # any index name
    decision = await room.desk.judge_ref(elsewhere)
    assert decision.served
    assert await room.store.decision_of(elsewhere) == decision


async def test_judge_ref__the_unseen_leave_no_row() -> None:
    room = Room()
    decision = await room.desk.judge_ref(ref())
    assert decision.hold is HoldKind.ANALYSIS
    assert await room.store.decision_of(ref()) is None


async def test_judge_ref__says_the_same_without_a_new_row() -> None:
    room = Room()
    await room.observe()
    first = await room.desk.judge_ref(ref())
    before = await room.store.generation()
    room.clock.turn(hours=1)
    assert await room.desk.judge_ref(ref()) == first
    assert await room.store.generation() == before


# -- failed analyses -----------------------------------------------------------------------------


async def test_desk__a_failed_analysis_is_decided_and_tried_again_until_the_bound() -> None:
    room = Room()

    async def failed(times: int) -> bool:
        decision = await room.store.decision_of(ref())
        stated = decision.reasons[0] if decision else None
        return (
            stated is not None
            and stated.code is ReasonCode.INCOMPLETE
            and stated.word("tries") == str(times)
        )

    async def queued() -> bool:
        return await job_state(room) is JobState.QUEUED

    async with room.running() as desk:
        for times in range(1, ANALYSIS_RETRIES_MAX + 2):
            await room.fail()
            desk.nudge()
            await room.until(lambda n=times: failed(n))  # type: ignore[misc]  # bound at once
            decision = await room.decided()
            assert (decision.action, decision.hold) == (Action.HOLD, HoldKind.REVIEW)
            room.clock.turn(seconds=ANALYSIS_RETRY_S)
            desk.nudge()
            if times <= ANALYSIS_RETRIES_MAX:
                await room.until(queued)
    assert decision.expires_at is None
    assert await job_state(room) is JobState.DECIDED


async def test_desk__what_is_analysed_again_waits_for_analysis() -> None:
    room = Room()
    await room.fail()
    async with room.running() as desk:
        await room.decided()
        room.clock.turn(seconds=ANALYSIS_RETRY_S)
        desk.nudge()

        async def waits() -> bool:
            return (await room.decided()).hold is HoldKind.ANALYSIS

        await room.until(waits)
        await room.observe()
        desk.nudge()

        async def served() -> bool:
            return (await room.decided()).served

        await room.until(served)


async def test_desk__a_silent_worker_is_noticed() -> None:
    room = Room()
    await room.lease()
    async with room.running():
        room.clock.turn(seconds=LEASE_S)

        async def queued() -> bool:
            return await job_state(room) is JobState.QUEUED

        await room.until(queued)


# -- kept true -----------------------------------------------------------------------------------


async def test_desk__an_age_that_is_reached_serves() -> None:
    room = Room()
    room.policy = parse_policy('mode = "enforce"\nminimum_age_hours = 48', source="test")
    room.facts_of = lambda about: facts(about, release_days=1)
    await room.observe()
    async with room.running() as desk:
        assert (await room.decided()).hold is HoldKind.AGE
        room.clock.turn(hours=24)
        desk.nudge()

        async def served() -> bool:
            return (await room.decided()).served

        await room.until(served)


async def test_desk__a_policy_that_names_another_scorer_derives_what_the_first_one_scored() -> None:
    room = Room()
    models = {"default": RulesScorer(), "rules": RulesScorer(replace(RULES, revision=99))}
    room.model_of = lambda policy: models[policy.scorer].digest
    room.desk = room.new_desk()
    await room.observe()
    async with room.running() as desk:
        assert (await room.decided()).score == models["default"].score(evidence(), facts())
        room.judge._judge = LocalJudge(models["rules"])
        room.policy = parse_policy('mode = "enforce"\nscorer = "rules"', source="test")
        desk.nudge()

        async def derived() -> bool:
            score = (await room.decided()).score
            return score is not None and score.model_digest == models["rules"].digest

        await room.until(derived)


async def test_desk__a_decision_of_an_older_form_that_says_the_same_stays() -> None:
    room = Room()
    await room.observe()
    decision = await room.desk.judge_ref(ref())
    older = replace(decision, schema_version=1)
    await room.store.put_decision(older)
    assert (await room.desk.judge_ref(ref())).digest == older.digest


async def test_desk__another_policy_makes_every_decision_stale_and_derives_it_again() -> None:
    room = Room()
    count = STALE_BATCH * 2 + 3
    refs = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n:064x}") for n in range(count)]
    for about in refs:
        await room.observe(about)
    async with room.running() as desk:
        for about in refs:
            await room.decided(about)
        room.policy = FALLBACK
        desk.nudge()

        async def fresh() -> bool:
            return not await room.store.decisions_not_resting_on(
                FALLBACK.digest, RulesScorer().digest, limit=1
            )

        await room.until(fresh)
    assert all([(await room.decided(about)).served for about in refs])


def compared(of: ArtifactRef, digest: str) -> Facts:
    """Facts whose name was compared with the owned names of that digest."""
    told = FactSignal(name=OWNED_SIGNAL, layer=Layer.METADATA, value=digest, source="confusion")
    return replace(facts(of), signals=(told,))


OWNING = parse_policy('mode = "enforce"\n[names]\nowned = ["inhouse-*"]', source="test")


async def test_desk__other_owned_names_make_it_ask_for_facts_again() -> None:
    room = Room()
    room.facts_of = lambda of: compared(of, room.policy.owned.digest)
    await room.observe()
    async with room.running() as desk:
        before = await room.decided()
        room.policy = OWNING
        desk.nudge()

        async def derived() -> bool:
            return (await room.decided()).policy_digest == OWNING.digest

        await room.until(derived)
        after = await room.decided()
    assert (
        before.facts_digest != after.facts_digest == digest_of(compared(ref(), OWNING.owned.digest))
    )


async def test_desk__another_policy_with_the_same_owned_names_asks_nobody() -> None:
    room = Room()
    await room.observe()
    async with room.running() as desk:
        before = await room.decided()
        room.facts_of = lambda of: replace(facts(of), popularity_rank=1)
        room.policy = FALLBACK
        desk.nudge()

        async def derived() -> bool:
            return (await room.decided()).policy_digest == FALLBACK.digest

        await room.until(derived)
        assert (await room.decided()).facts_digest == before.facts_digest


async def test_desk__owned_names_are_compared_later_where_the_index_is_away() -> None:
    room = Room()
    room.facts_of = lambda of: compared(of, room.policy.owned.digest)
    await room.observe()
    async with room.running() as desk:
        before = await room.decided()
        room.facts_errors = [UpstreamUnavailable("down")]
        room.policy = OWNING
        desk.nudge()

        async def derived() -> bool:
            return (await room.decided()).policy_digest == OWNING.digest

        await room.until(derived)
        assert (await room.decided()).facts_digest == before.facts_digest
        room.clock.turn(seconds=FACTS_RETRY_S)
        desk.nudge()

        async def asked() -> bool:
            return (await room.decided()).facts_digest != before.facts_digest

        await room.until(asked)


async def test_desk__one_that_cannot_be_derived_does_not_keep_the_others_stale() -> None:
    room = Room()
    refs = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n:064x}") for n in range(5)]
    for about in refs:
        await room.observe(about)
    async with room.running() as desk:
        for about in refs:
            await room.decided(about)
        room.judge.errors = [RuntimeError("odd")]
        room.policy = FALLBACK
        desk.nudge()

        async def all_but_one() -> bool:
            stale = await room.store.decisions_not_resting_on(
                FALLBACK.digest, RulesScorer().digest, limit=9
            )
            return len(stale) == 1

        await room.until(all_but_one)


async def test_desk__an_override_made_elsewhere_is_followed_and_so_is_its_end() -> None:
    room = Room()
    await room.observe(findings=(finding(severity=Severity.HIGH),))
    async with room.running():
        assert not (await room.decided()).served
        await room.store.add_override(override())

        async def served() -> bool:
            return (await room.decided()).override_id == override().id

        await room.until(served)
        await room.store.revoke_override(override().id, actor="bob", at=room.clock())

        async def held() -> bool:
            decision = await room.decided()
            return decision.hold is HoldKind.REVIEW and not decision.override_id

        await room.until(held)


async def test_desk__an_override_answers_for_what_still_waits_for_analysis() -> None:
    room = Room()
    await room.store.enqueue(
        ref(), size_bytes=1, facts=facts(), priority=Priority.FILE, now=room.clock()
    )
    await room.store.add_override(override(project=None, sha256=SHA, bound=()))
    async with room.running():
        assert (await room.decided()).served
    assert await job_state(room) is JobState.DECIDED


async def test_desk__an_override_that_ends_is_noticed() -> None:
    room = Room()
    await room.observe(findings=(finding(),))
    await room.store.add_override(override(expires_at=NOW + timedelta(hours=1)))
    async with room.running() as desk:
        assert (await room.decided()).served
        room.clock.turn(hours=1)
        desk.nudge()

        async def held() -> bool:
            return (await room.decided()).hold is HoldKind.REVIEW

        await room.until(held)


async def test_desk__overrides_given_while_it_was_away_are_found_at_the_start() -> None:
    room = Room()
    await room.observe()
    await room.desk.judge_ref(ref())
    await room.store.add_override(override(OverrideAction.DENY))
    room.desk = room.new_desk()
    async with room.running():

        async def denied() -> bool:
            return (await room.decided()).action is Action.DENY

        await room.until(denied)


async def crowded(projects: int) -> Room:
    """A store of so many projects; one more that was denied while nobody watched changed last."""
    room = Room()
    await room.observe()
    await room.desk.judge_ref(ref())
    for number in range(projects):
        await room.store.touch_project(ref().index, canonicalize_name(f"other-{number}"))
    await room.store.add_override(override(OverrideAction.DENY))
    room.desk = room.new_desk()
    return room


async def test_upkeep__walks_through_all_projects_once_after_a_start_the_newest_first() -> None:
    room = await crowded(2 * FOLLOW_BATCH)
    upkeep = room.desk._upkeep
    assert await upkeep.sweep()
    assert (await room.decided()).action is Action.DENY
    assert upkeep.catching_up
    sweeps = 1
    while await upkeep.sweep():
        sweeps += 1
    assert sweeps >= 2
    assert not upkeep.catching_up


async def test_upkeep__a_sweep_after_a_start_takes_no_longer_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.judge.upkeep.CATCH_UP_S", 0.0)
    room = await crowded(5)
    sweeps = 0
    while await room.desk._upkeep.sweep():
        sweeps += 1
    assert sweeps >= 6
    assert (await room.decided()).action is Action.DENY


async def test_upkeep__a_store_that_fails_at_first_costs_a_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = await crowded(3)
    with monkeypatch.context() as failing:
        failing.setattr(room.store, "generation", fails(StoreError("busy")))
        await room.desk._upkeep.sweep()
    while await room.desk._upkeep.sweep():
        pass
    assert (await room.decided()).action is Action.DENY


def fails(error: Exception) -> Callable[[], Awaitable[int]]:
    async def failing() -> int:
        raise error

    return failing


async def test_upkeep__what_changes_is_followed_before_what_was_there_at_the_start() -> None:
    room = await crowded(2 * FOLLOW_BATCH)
    upkeep = room.desk._upkeep
    await upkeep.sweep()
    await room.store.revoke_override(override().id, actor="bob", at=room.clock())
    await upkeep.sweep()
    assert upkeep.catching_up
    assert (await room.decided()).served


async def test_desk__what_rests_on_a_revoked_worker_is_held_again() -> None:
    room = Room()
    token = Token(id="t1", kind=TokenKind.WORKER, name="w1", hash="0" * 64, created_at=NOW)
    await room.store.add_token(token, actor="alice")
    await room.observe()
    async with room.running() as desk:
        assert (await room.decided()).served
        await room.store.revoke_token("t1", actor="alice", at=room.clock())
        await room.store.distrust_worker("w1")
        desk.nudge()

        async def held() -> bool:
            return (await room.decided()).hold is HoldKind.ANALYSIS

        await room.until(held)
    assert await job_state(room) is JobState.QUEUED


async def test_desk__a_layer_that_is_on_again_is_measured_before_the_decision_changes() -> None:
    room = Room(layers_off=(Layer.BEHAVIOUR,))
    await room.observe(layers=(Layer.METADATA,))
    first = await room.desk.judge_ref(ref())
    assert first.tier is TrustTier.MONITOR
    room.layers_off = ()
    room.desk = room.new_desk()
    async with room.running():

        async def queued() -> bool:
            return await job_state(room) is JobState.QUEUED

        await room.until(queued)
        assert await room.decided() == first


async def test_desk__a_layer_switched_off_counts_at_the_next_start() -> None:
    room = Room()
    await room.observe()
    await room.desk.judge_ref(ref())
    room.layers_off = (Layer.BEHAVIOUR,)
    room.desk = room.new_desk()
    async with room.running():

        async def monitored() -> bool:
            return (await room.decided()).tier is TrustTier.MONITOR

        await room.until(monitored)


async def test_desk__new_work_is_judged_while_stale_decisions_wait() -> None:
    room = Room()
    refs = [ref(f"demo-{n}.0-py3-none-any.whl", f"{n:064x}") for n in range(60)]
    for about in refs:
        await room.observe(about)
        await room.desk.judge_ref(about)
    room.policy = FALLBACK
    new = ref("demo-99.0-py3-none-any.whl", Sha256("9" * 64))
    await room.observe(new)
    room.judge.asked.clear()
    async with room.running() as desk:
        desk.nudge()
        await room.decided(new)
    position = [request.ref for request in room.judge.asked].index(new)
    assert position < STALE_BATCH


# -- wheels that no worker can run -----------------------------------------------------------------

CODE = digest_of_bytes(b"code")
ACCEPT = parse_policy('mode = "enforce"\n[files]\nnative_of_sibling = "accept"', source="test")
WINDOWS = ref("demo-2.0-cp311-cp311-win_amd64.whl", "c" * 64)
LINUX = ref("demo-2.0-cp311-cp311-manylinux_2_17_x86_64.whl", "d" * 64)
UNRUN: dict[str, Any] = {
    "shortfalls": (Shortfall.WRONG_PLATFORM,),
    "layers": (Layer.METADATA,),
    "code_digest": CODE,
}


async def action_of(room: Room, of: ArtifactRef, action: Action) -> Decision:
    """The decision about `of`, once it is that."""

    async def there() -> bool:
        decision = await room.store.decision_of(of)
        return decision is not None and decision.action is action

    await room.until(there)
    return await room.decided(of)


async def test_desk__a_foreign_wheel_is_served_once_its_sibling_is_approved() -> None:
    room = Room()
    room.policy = ACCEPT
    async with room.running() as desk:
        await room.observe(WINDOWS, **UNRUN)
        desk.nudge()
        await action_of(room, WINDOWS, Action.HOLD)
        await room.observe(LINUX, code_digest=CODE)
        desk.nudge()
        decision = await action_of(room, WINDOWS, Action.SERVE)
    assert decision.tier is TrustTier.MONITOR
    assert decision.reasons[0].code is ReasonCode.PLATFORM_SIBLING
    assert decision.facts_digest is not None
    known = await room.store.facts(decision.facts_digest)
    assert known is not None
    assert (known.sibling_digest, known.sibling_filename) == (CODE, LINUX.filename)


async def test_desk__a_foreign_wheel_is_held_again_when_its_sibling_is_refused() -> None:
    room = Room()
    room.policy = ACCEPT
    await room.observe(LINUX, code_digest=CODE)
    await room.observe(WINDOWS, **UNRUN)
    async with room.running() as desk:
        await action_of(room, WINDOWS, Action.SERVE)
        await room.observe(LINUX, code_digest=CODE, findings=(proof(),))
        desk.nudge()
        await action_of(room, LINUX, Action.DENY)
        decision = await action_of(room, WINDOWS, Action.HOLD)
    assert decision.reasons[0].code is ReasonCode.WRONG_PLATFORM


async def test_desk__by_default_a_sibling_changes_nothing() -> None:
    room = Room()
    await room.observe(LINUX, code_digest=CODE)
    await room.observe(WINDOWS, **UNRUN)
    async with room.running() as desk:
        desk.nudge()
        await room.decided(LINUX)
        decision = await room.decided(WINDOWS)
    assert decision.action is Action.HOLD
