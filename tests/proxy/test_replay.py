"""Decisions derived again: bit for bit, or with what differs and what is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from models.canonical import Digest, digest_of_bytes
from models.decision import (
    Action,
    Decision,
    LayerScore,
    OverrideAction,
    TrustScore,
)
from models.evidence import Severity
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from models.trust.shelf import SHIPPED
from policies.policy import Policy
from proxy.replay import Outcome, Part, Replay, differences_of, replay
from proxy.scorers import scorer_by_digest
from proxy.store.port import Store
from tests.models.examples import NOW, evidence, finding, override, proof, ref
from tests.policies.examples import policy
from tests.proxy.archive import KINDS, decide, opened
from tests.proxy.judge.examples import Room

RULES_NOW = RulesScorer()
OTHER = RulesScorer(replace(RULES, yanked=-21))
GONE = digest_of_bytes(b"gone")


@pytest_asyncio.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path) as made:
        yield made


def scorers(digest: Digest) -> Scorer | None:
    return RULES_NOW if digest == RULES_NOW.digest else None


async def replayed(store: Store, decision: Decision, *policies: Policy) -> Replay:
    return await replay(store, decision, scorers=scorers, policies=policies)


@pytest.mark.parametrize("findings", [(), (finding(),), (proof(),)])
async def test_replay__of_what_was_decided_here_is_the_same_bit_for_bit(
    store: Store, findings: tuple[object, ...]
) -> None:
    decision = await decide(store, ref(), seen=evidence(findings=findings))  # type: ignore[arg-type]
    outcome = await replayed(store, decision)
    assert outcome.outcome is Outcome.SAME
    assert outcome.derived is not None
    assert outcome.derived.digest == decision.digest
    assert outcome.differences == ()
    assert outcome.gone == ()


async def test_replay__of_a_refusal_without_evidence_needs_no_model(store: Store) -> None:
    rule = '[[rule]]\nname = "no"\noutcome = "deny"\nprojects = ["demo"]'
    decision = await decide(store, ref(), unseen=True, by=policy(rule))
    assert decision.score is None
    outcome = await replay(store, decision, scorers=lambda _: None)
    assert outcome.outcome is Outcome.SAME


async def test_replay__has_the_overrides_and_the_policy_of_then(store: Store) -> None:
    given = override(OverrideAction.DENY, created_at=NOW - timedelta(hours=1))
    strict = policy("minimum_age_hours = 10")
    decision = await decide(store, ref(), overrides=(given,), by=strict)
    assert decision.action is Action.DENY
    await store.revoke_override(given.id, actor="bob", at=NOW + timedelta(hours=1))
    await store.add_override(override(id="later", created_at=NOW + timedelta(hours=2)))
    now = await decide(
        store, ref(), seen=evidence(findings=(finding(),)), as_of=NOW + timedelta(days=1)
    )
    assert now.action is Action.HOLD
    assert (await replayed(store, decision)).outcome is Outcome.SAME
    assert (await replayed(store, now)).outcome is not Outcome.SAME, (
        "the later override was left out"
    )


async def test_replay__of_what_the_desk_decided_over_a_life_is_the_same() -> None:
    """Real hearings, with failures, overrides and age between them, each replayed afterwards."""
    room = Room()
    room.policy = policy("minimum_age_hours = 2400")
    made = []
    await room.fail()
    made.append(await room.desk.judge_ref(ref()))
    room.clock.turn(hours=1)
    await room.observe(findings=(finding(severity=Severity.MEDIUM),))
    made.append(await room.desk.judge_ref(ref()))
    room.clock.turn(days=30)
    now = room.clock()
    await room.store.add_override(override(created_at=now, expires_at=now + timedelta(days=5)))
    made.append(await room.desk.judge_ref(ref()))
    room.clock.turn(days=6)
    made.append(await room.desk.judge_ref(ref()))
    assert len({decision.digest for decision in made}) == len(made)
    for decision in made:
        outcome = await replayed(room.store, decision)
        assert outcome.outcome is Outcome.SAME, outcome.differences


async def test_replay__names_every_field_in_which_it_differs(store: Store) -> None:
    decision = await decide(store, ref())
    assert decision.score is not None
    forged = replace(
        decision, action=Action.DENY, score=replace(decision.score, value=12), tier=None
    )
    outcome = await replayed(store, forged)
    assert outcome.outcome is Outcome.DIFFERS
    assert {(one.field, one.stored, one.derived) for one in outcome.differences} == {
        ("action", '"DENY"', '"SERVE"'),
        ("score.value", "12", str(decision.score.value)),
        ("tier", "null", '"APPROVE"'),
    }


def rounded(trust: TrustScore, **changes: object) -> TrustScore:
    """The score with its first layer changed."""
    first, *rest = trust.layers
    layer: LayerScore = replace(first, **changes)  # type: ignore[arg-type]
    return replace(trust, layers=(layer, *rest))


def first_rounded(trust: TrustScore, **changes: object) -> TrustScore:
    """The score with its first layer's first contribution changed."""
    first = trust.layers[0].contributions[0]
    changed = replace(first, **changes)  # type: ignore[arg-type]
    return rounded(trust, contributions=(changed, *trust.layers[0].contributions[1:]))


CHANGES: tuple[tuple[Callable[[TrustScore], TrustScore], Outcome], ...] = (
    (lambda trust: rounded(trust, score=99), Outcome.ROUNDED),
    (lambda trust: rounded(trust, risk_milli=1), Outcome.ROUNDED),
    (lambda trust: first_rounded(trust, risk_milli=1), Outcome.ROUNDED),
    (lambda trust: first_rounded(trust, code="another"), Outcome.DIFFERS),
    (lambda trust: rounded(trust, contributions=()), Outcome.DIFFERS),
    (lambda trust: rounded(trust, weight_percent=21), Outcome.DIFFERS),
    (lambda trust: replace(trust, value=trust.value - 1), Outcome.DIFFERS),
)


@pytest.mark.parametrize(("change", "expected"), CHANGES)
async def test_replay__a_learned_scores_numbers_may_be_rounded_and_nothing_else(
    store: Store, change: Callable[[TrustScore], TrustScore], expected: Outcome
) -> None:
    decision = await decide(store, ref(), scorer=SHIPPED.scorer("trust-1"))
    assert decision.score is not None
    other = replace(decision, score=change(decision.score))
    outcome = await replay(store, other, scorers=scorer_by_digest)
    assert outcome.outcome is expected


@pytest.mark.parametrize(("change", "_"), CHANGES)
async def test_replay__the_rules_count_in_integers_so_that_any_change_differs(
    store: Store, change: Callable[[TrustScore], TrustScore], _: Outcome
) -> None:
    decision = await decide(store, ref())
    assert decision.score is not None
    other = replace(decision, score=change(decision.score))
    assert (await replayed(store, other)).outcome is Outcome.DIFFERS


async def test_replay__without_the_model_checks_the_rest_with_the_stored_score(
    store: Store,
) -> None:
    decision = await decide(store, ref(), scorer=OTHER)
    outcome = await replayed(store, decision)
    assert outcome.outcome is Outcome.NOT_WHOLE
    assert [(one.part, one.digest) for one in outcome.gone] == [(Part.MODEL, OTHER.digest)]
    assert outcome.differences == ()
    assert outcome.derived is not None
    forged = replace(decision, action=Action.DENY)
    assert [one.field for one in (await replayed(store, forged)).differences] == ["action"]


async def test_replay__takes_the_policy_in_force_where_the_store_has_none(store: Store) -> None:
    strict = policy("minimum_age_hours = 10")
    decision = await decide(store, ref(), by=strict)
    unknown = replace(decision, policy_digest=GONE)
    outcome = await replayed(store, unknown, strict)
    assert [(one.part, one.digest) for one in outcome.gone] == [(Part.POLICY, GONE)]
    assert outcome.derived is None
    older = policy("minimum_age_hours = 11")
    with_older = replace(decision, policy_digest=older.digest)
    assert (await replayed(store, with_older, strict, older)).outcome is Outcome.SAME


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('mode = "enforce"\nminimum_age_hours = 3', "reads it otherwise"),
        ('mode = "dream"', "cannot read it"),
    ],
)
async def test_replay__tells_a_policy_that_is_here_and_means_something_else(
    store: Store, text: str, why: str
) -> None:
    decision = replace(await decide(store, ref()), policy_digest=GONE)
    await store.put_policy(GONE, text)
    outcome = await replayed(store, decision)
    assert outcome.outcome is Outcome.NOT_WHOLE
    assert why in outcome.gone[0].why


@pytest.mark.parametrize(("part", "name"), [(Part.EVIDENCE, "evidence"), (Part.FACTS, "facts")])
async def test_replay__without_evidence_or_facts_says_which(
    store: Store, part: Part, name: str
) -> None:
    decision = await decide(store, ref())
    lost = replace(decision, **{f"{name}_digest": GONE})  # type: ignore[arg-type]
    outcome = await replayed(store, lost)
    assert outcome.outcome is Outcome.NOT_WHOLE
    assert [(one.part, one.digest) for one in outcome.gone] == [(part, GONE)]
    assert outcome.derived is None


async def test_differences_of__two_equal_decisions_are_none(store: Store) -> None:
    decision = await decide(store, ref())
    assert list(differences_of(decision, decision)) == []
    fewer = replace(decision, reasons=())
    fields = [one.field for one in differences_of(decision, fewer)]
    assert fields[0].startswith("reasons[0]")
    assert fields[-1] == "reasons"
