"""The last days over again, over both stores: what would have changed, when, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec import structs

from models.artifact import ArtifactRef, Sha256
from models.decision import Action, OverrideAction
from models.errors import NotAllowed, PolicyInvalid, ValueInvalid
from models.evidence import Severity
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from proxy import simulating
from proxy.admin.access import Principal, Role, at_the_machine
from proxy.admin.simulation import simulate_policy
from proxy.simulating import DAYS_MAX, Simulated, simulate
from proxy.store.port import Store
from tests.models.examples import NOW, evidence, facts, finding, override, ref
from tests.policies.examples import policy
from tests.proxy.archive import KINDS, decide, opened
from tests.proxy.store.values import make_fetch, make_token

YOUNG = '[[rule]]\nname = "young"\noutcome = "hold"\nrelease_younger_than_hours = 72\n'
DENY = '[[rule]]\nname = "no"\noutcome = "deny"\nprojects = ["demo"]\n'
LONG_AGO = NOW - timedelta(days=100)


@pytest_asyncio.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path) as made:
        yield made


async def looked(
    store: Store, text: str, *, days: int = 14, scorer: Scorer | None = None
) -> Simulated:
    return await simulate(
        store,
        policy=policy(text),
        scorer=lambda: scorer or RulesScorer(),
        as_of=NOW,
        days=days,
        listed_max=10,
    )


async def fetched(
    store: Store, of: ArtifactRef, at: datetime, by: str = "ci", times: int = 1, status: int = 200
) -> None:
    one = structs.replace(make_fetch(of), at=at, requester=by, status=status)
    await store.record_fetches([one] * times)


async def test_simulate__what_was_young_when_it_was_fetched_would_have_been_held(
    store: Store,
) -> None:
    """The cooldown is long over today; on the day that it was fetched it was not."""
    uploaded = NOW - timedelta(days=5)
    told = facts(release_days=5)
    decision = await decide(store, ref(), told=told)
    await fetched(store, ref(), uploaded + timedelta(hours=71), times=2)
    await fetched(store, ref(), uploaded + timedelta(hours=72), by="late")
    outcome = await looked(store, YOUNG)
    (change,) = outcome.changes
    assert change.flip.before == decision
    assert change.flip.after.action is Action.HOLD
    assert [(one.requester, one.fetches) for one in change.stopped] == [("ci", 2)]
    assert change.fetches == 2
    assert outcome.comparison.worse == 1


async def test_simulate__at_exactly_the_age_nothing_is_held(store: Store) -> None:
    told = facts(release_days=5)
    await decide(store, ref(), told=told)
    await fetched(store, ref(), NOW - timedelta(days=2))
    outcome = await looked(store, YOUNG)
    assert outcome.replayed == 1
    assert outcome.comparison.worse == 0


async def test_simulate__old_decisions_count_where_somebody_fetched_the_file(store: Store) -> None:
    old, other = ref(), ref("other-1.0-py3-none-any.whl", Sha256("c" * 64))
    for one in (old, other):
        await decide(store, one, as_of=LONG_AGO)
    await fetched(store, old, NOW - timedelta(days=1))
    await fetched(store, other, NOW - timedelta(days=20))
    outcome = await looked(store, DENY)
    assert (outcome.replayed, outcome.older) == (1, 1)
    assert outcome.comparison.worse == 1
    wide = await looked(store, DENY, days=30)
    assert (wide.replayed, wide.older) == (2, 0)


async def test_simulate__a_refused_request_stopped_nobody_twice(store: Store) -> None:
    """Only fetches that brought bytes count: what was refused then would only be refused again."""
    await decide(store, ref())
    await fetched(store, ref(), NOW - timedelta(hours=1), status=403)
    outcome = await looked(store, DENY)
    assert outcome.comparison.worse == 1
    assert outcome.stopped == ()


async def test_simulate__a_group_that_only_observes_is_not_stopped(store: Store) -> None:
    await store.add_token(replace(make_token("t1"), name="ci", groups=("pilot",)), actor="a")
    await store.add_token(
        replace(make_token("t2"), name="prod", hash="f" * 64, groups=("other",)), actor="a"
    )
    await decide(store, ref())
    for name in ("ci", "prod"):
        await fetched(store, ref(), NOW - timedelta(hours=1), by=name)
    outcome = await looked(store, '[groups]\npilot = "observe"\n' + DENY)
    assert [one.requester for one in outcome.stopped] == ["prod"]
    assert outcome.comparison.worse == 1


async def test_simulate__the_groups_of_then_count(store: Store) -> None:
    await store.add_token(replace(make_token("t1"), name="ci", groups=("pilot",)), actor="a")
    await decide(store, ref())
    one = structs.replace(
        make_fetch(ref()), at=NOW - timedelta(hours=1), requester="ci", groups=("prod",)
    )
    await store.record_fetches([one])
    text = '[groups]\npilot = "observe"\nprod = "enforce"\n' + DENY
    assert [one.requester for one in (await looked(store, text)).stopped] == ["ci"]


async def test_simulate__the_override_of_then_counts(store: Store) -> None:
    allow = override(
        OverrideAction.ALLOW, created_at=NOW - timedelta(days=9), expires_at=NOW - timedelta(days=2)
    )
    await decide(store, ref())
    await store.add_override(allow)
    await fetched(store, ref(), NOW - timedelta(days=3))
    assert (await looked(store, DENY)).comparison.worse == 0
    assert (await looked(store, DENY, days=2)).comparison.worse == 1


async def test_simulate__scores_anew_only_for_another_scorer(store: Store) -> None:
    stored = replace(RulesScorer().score(evidence(), facts()), value=82)
    decision = await decide(store, ref())
    assert decision.score is not None
    assert decision.score.value != stored.value
    await store.put_decision(replace(decision, score=stored))
    rule = '[[rule]]\nname = "m"\noutcome = "hold"\nscore_at_least = 1\n'
    own = (await looked(store, rule)).changes[0].flip.after.score
    assert own == stored
    other = RulesScorer(replace(RULES, yanked=-21))
    anew = (await looked(store, rule, scorer=other)).changes[0].flip.after.score
    assert anew is not None
    assert anew.model_digest == other.digest
    assert anew.value == decision.score.value


async def test_simulate__changes_nothing(store: Store) -> None:
    await decide(store, ref(), seen=evidence(findings=(finding(severity=Severity.LOW),)))
    before = [await store.decisions(), await store.audit(), await store.generation()]
    await looked(store, DENY)
    assert [await store.decisions(), await store.audit(), await store.generation()] == before


async def test_simulate__is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for days in (0, DAYS_MAX + 1):
        with pytest.raises(ValueInvalid):
            await looked(store, DENY, days=days)
    await decide(store, ref())
    await decide(store, ref("other-1.0-py3-none-any.whl", Sha256("c" * 64)))
    monkeypatch.setattr(simulating, "DECISIONS_MAX", 1)
    outcome = await looked(store, DENY)
    assert (outcome.replayed, outcome.beyond) == (1, 1)


async def test_simulate__tells_how_far_it_is(store: Store) -> None:
    await decide(store, ref())
    told: list[tuple[int, int]] = []
    await simulate(
        store,
        policy=policy(),
        scorer=RulesScorer,
        as_of=NOW,
        days=1,
        listed_max=1,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (1, 1)


async def test_simulate_policy__is_an_admins_and_names_every_mistake(store: Store) -> None:
    reviewer = Principal(name="r", role=Role.REVIEWER)
    text = 'mode = "enforce"\n'
    with pytest.raises(NotAllowed):
        await simulate_policy(store, reviewer, text, source="x", days=1, as_of=NOW)
    admin = at_the_machine("ada")
    with pytest.raises(PolicyInvalid) as caught:
        await simulate_policy(store, admin, "mode = 3\nx = 1", source="x", days=1, as_of=NOW)
    assert len(caught.value.problems) == 2
    outcome = await simulate_policy(store, admin, text, source="x", days=1, as_of=NOW)
    assert outcome.replayed == 0
