"""Cases out of the store, as they were and as they stand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.canonical import digest_of
from models.decision import Action, OverrideAction
from models.evidence import Layer
from models.trust.rules import RulesScorer
from policies.evaluate import evaluate
from proxy.judge.stored import as_decided, as_it_stands, override_at
from tests.models.examples import NOW, finding, override, ref
from tests.proxy.judge.examples import Room

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("created", "expires", "revoked", "in_force"),
    [
        (-1, 5, None, True),
        (0, 5, None, True),
        (1, 5, None, False),
        (-2, 0, None, False),
        (-2, 5, -1, False),
        (-2, 5, 0, False),
        (-2, 5, 1, True),
    ],
)
def test_override_at__is_what_was_known_then(
    created: int, expires: int, revoked: int | None, in_force: bool
) -> None:
    stored = override(
        created_at=NOW + created * HOUR,
        expires_at=NOW + expires * HOUR,
        revoked_at=None if revoked is None else NOW + revoked * HOUR,
        revoked_by="" if revoked is None else "bob",
    )
    then = override_at(stored, NOW)
    assert (then is not None) is in_force
    if then is not None:
        assert then.active(NOW)
        assert then.revoked_by == ""


async def test_as_decided__has_the_very_evidence_though_a_newer_came() -> None:
    room = Room()
    first = await room.observe()
    decision = await room.desk.judge_ref(ref())
    room.clock.turn(hours=1)
    await room.observe(findings=(finding(),))
    stored = await as_decided(room.store, decision)
    assert stored.evidence == first
    assert stored.as_of == decision.as_of
    assert stored.facts is not None
    assert digest_of(stored.facts) == decision.facts_digest
    standing = await as_it_stands(room.store, decision, as_of=room.clock())
    assert standing.evidence is not None
    assert standing.evidence.findings == (finding(),)


async def test_as_decided__has_the_overrides_of_that_time() -> None:
    room = Room()
    await room.observe()
    given = override(OverrideAction.DENY, created_at=NOW - HOUR)
    await room.store.add_override(given)
    decision = await room.desk.judge_ref(ref())
    assert decision.action is Action.DENY
    room.clock.turn(hours=1)
    await room.store.revoke_override(given.id, actor="bob", at=room.clock())
    await room.store.add_override(override(id="later", created_at=room.clock()))
    await room.store.add_override(
        override(OverrideAction.DENY, id="elsewhere", project="other", created_at=NOW - HOUR)
    )
    assert (await as_decided(room.store, decision)).overrides == (given,)
    standing = await as_it_stands(room.store, decision, as_of=room.clock())
    assert [one.id for one in standing.overrides] == ["later"]


async def test_as_decided__counts_failed_analyses_as_the_decision_states_them() -> None:
    room = Room()
    for _ in range(2):
        await room.fail()
        decision = await room.desk.judge_ref(ref())
        room.clock.turn(hours=1)
    stored = await as_decided(room.store, decision)
    assert stored.evidence is None
    assert (stored.analysis_failed, stored.analysis_failures) == (True, 2)
    assert stored.score(RulesScorer()) is None
    assert evaluate(stored.case(None), room.policy) == decision


async def test_as_decided__keeps_the_layers_that_were_off() -> None:
    room = Room(layers_off=(Layer.BEHAVIOUR,))
    await room.observe(layers=(Layer.METADATA,))
    decision = await room.desk.judge_ref(ref())
    stored = await as_decided(room.store, decision)
    score = stored.score(RulesScorer())
    assert score == decision.score
    assert evaluate(stored.case(score), room.policy) == decision
