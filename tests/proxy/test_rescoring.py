"""A look ahead over both stores: what flips, what does not, and that nothing is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from models.artifact import ArtifactRef, Sha256
from models.decision import Action, TrustScore, TrustTier
from models.errors import ValueInvalid
from models.evidence import Evidence, Layer, Severity
from models.facts import Facts
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from proxy import rescoring
from proxy.rescoring import Rescored, rescore, walk
from proxy.store.port import Store
from tests.models.examples import NOW, evidence, finding, override, proof, ref
from tests.policies.examples import policy
from tests.proxy.archive import KINDS, decide, opened
from tests.proxy.store.values import make_fetch

STRICT = RulesScorer(
    replace(RULES, severity_caps=tuple((severity, 40) for severity, _ in RULES.severity_caps))
)
"""A model of its own digest: whatever has a finding scores 40 at most."""


@pytest_asyncio.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path) as made:
        yield made


def about(project: str) -> ArtifactRef:
    digits = f"{sum(map(ord, project)) * 7919:064x}"
    return ref(f"{project}-1.0-py3-none-any.whl", Sha256(digits))


async def looked(store: Store, scorer: Scorer | None = None, text: str = "") -> Rescored:
    return await rescore(
        store, scorer=scorer or RulesScorer(), policy=policy(text), as_of=NOW, listed_max=10
    )


async def everything(store: Store) -> list[object]:
    return [await store.decisions(), await store.audit(), await store.generation()]


async def test_rescore__by_the_same_model_and_policy_changes_nothing(store: Store) -> None:
    for project in ("clean", "seen"):
        of = about(project)
        await decide(store, of, seen=evidence(of, findings=(finding(),)[: project == "seen"]))
    before = await everything(store)
    outcome = await looked(store)
    assert outcome.comparison.compared == outcome.rescored == 2
    assert outcome.comparison.worse == outcome.comparison.better == outcome.failed == 0
    assert outcome.flips == ()
    assert await everything(store) == before


async def test_rescore__shows_what_a_stricter_model_would_hold(store: Store) -> None:
    watched = about("watched")
    mild = finding(severity=Severity.LOW)
    await decide(store, watched, seen=evidence(watched, findings=(mild,)))
    await decide(store, about("clean"))
    await store.record_fetches([make_fetch(watched), make_fetch(watched)])
    before = await everything(store)
    outcome = await looked(store, STRICT)
    (one,) = outcome.flips
    assert one.flip.before.ref == watched
    assert (one.flip.before.action, one.flip.after.action) == (Action.SERVE, Action.HOLD)
    assert one.fetches == 2
    assert outcome.comparison.worse == 1
    assert outcome.comparison.tiers[TrustTier.APPROVE, TrustTier.QUARANTINE] == 1
    assert outcome.comparison.tiers[TrustTier.APPROVE, TrustTier.APPROVE] == 1
    assert one.flip.after.score is not None
    assert one.flip.after.score.model_digest == STRICT.digest
    assert await everything(store) == before


async def test_rescore__shows_what_another_policy_would_do_also_without_evidence(
    store: Store,
) -> None:
    await decide(store, about("clean"))
    denied = about("banned")
    rule = '[[rule]]\nname = "no"\noutcome = "deny"\nprojects = ["{}"]'
    await decide(store, denied, unseen=True, by=policy(rule.format("banned")))
    outcome = await looked(store, text=rule.format("clean"))
    changes = {
        one.flip.before.ref.project: (one.flip.before.action, one.flip.after.action)
        for one in outcome.flips
    }
    assert changes == {
        "clean": (Action.SERVE, Action.DENY),
        "banned": (Action.DENY, Action.HOLD),
    }
    assert outcome.rescored == 1
    assert outcome.comparison.tiers[TrustTier.BLOCK, None] == 1


async def test_rescore__an_override_and_a_proof_stand_above_any_model(store: Store) -> None:
    allowed, proved = about("allowed"), about("proved")
    given = override(project=allowed.project, bound=(allowed.sha256,))
    seen = evidence(allowed, findings=(finding(severity=Severity.LOW),))
    await decide(store, allowed, seen=seen, overrides=(given,))
    await decide(store, proved, seen=evidence(proved, findings=(proof(),)))
    outcome = await looked(store, STRICT)
    assert outcome.comparison.compared == 2
    assert outcome.flips == ()


async def test_rescore__names_what_cannot_be_judged_and_goes_on(store: Store) -> None:
    class Refusing(RulesScorer):
        def score(
            self, evidence: Evidence, facts: Facts | None, *, layers_off: tuple[Layer, ...] = ()
        ) -> TrustScore:
            if evidence.filename.startswith("odd"):
                raise ValueInvalid("This evidence is odd.")
            return super().score(evidence, facts, layers_off=layers_off)

    await decide(store, about("odd"))
    await decide(store, about("clean"))
    outcome = await looked(store, Refusing())
    assert outcome.comparison.compared == 1
    assert outcome.failed == 1
    assert [(one.decision.ref.project, one.why) for one in outcome.failures] == [
        ("odd", "This evidence is odd.")
    ]


async def test_walk__holds_a_page_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoring, "PAGE", 2)
    made = [await decide(store, about(f"p{number}")) for number in range(5)]
    assert [decision async for decision in walk(store)] == made
    told: list[tuple[int, int]] = []
    await rescore(
        store,
        scorer=RulesScorer(),
        policy=policy(),
        as_of=NOW,
        listed_max=0,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


async def test_rescore__of_an_empty_store_is_nothing(store: Store) -> None:
    outcome = await looked(store)
    assert outcome.comparison.compared == outcome.failed == 0
