"""What another model changes: counted whole, listed bounded, the worst first."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.canonical import digest_of_bytes
from models.decision import (
    Action,
    Decision,
    HoldKind,
    LayerScore,
    LayerStatus,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Layer
from policies.flips import STRICTNESS, Comparison, Flip, LayerMove
from tests.models.examples import NOW, ref

DIGEST = digest_of_bytes(b"x")


def decision(
    action: Action = Action.SERVE, score: int | None = 90, project: str = "demo", **layers: int
) -> Decision:
    trust = score if score is None else TrustScore(
        value=score,
        layers=tuple(
            LayerScore(
                layer=Layer(name), status=LayerStatus.MEASURED, score=points, weight_percent=25
            )
            for name, points in layers.items()
        ),
        model="test",
        model_digest=DIGEST,
    )  # fmt: skip
    return Decision(
        ref=ref(f"{project}-1.0-py3-none-any.whl"),
        action=action,
        hold=HoldKind.REVIEW if action is Action.HOLD else None,
        tier=None if score is None else TrustTier.of(score),
        score=trust,
        reasons=(reason(ReasonCode.SCORE, score=str(score)),),
        as_of=NOW,
        policy_digest=DIGEST,
    )


decisions = st.builds(decision, st.sampled_from(Action), st.one_of(st.none(), st.integers(0, 100)))
pairs = st.lists(st.tuples(decisions, decisions), max_size=40)


@given(pairs, st.integers(0, 5))
def test_comparison__counts_every_pair_and_lists_no_more_than_it_may(
    given_pairs: list[tuple[Decision, Decision]], listed_max: int
) -> None:
    found = Comparison(listed_max=listed_max)
    for before, after in given_pairs:
        found.add(before, after)
    flips = [(a, b) for a, b in given_pairs if a.action is not b.action]
    assert found.compared == len(given_pairs)
    assert found.tiers.total() == len(given_pairs)
    assert found.worse + found.better == len(flips)
    assert len(found.listed) == min(listed_max, len(flips))
    assert len(found._listed) <= 2 * listed_max
    assert found.worse == sum(Flip(before=a, after=b).worse for a, b in flips)


@given(pairs, st.integers(0, 5))
def test_comparison__lists_what_sorting_all_of_them_would(
    given_pairs: list[tuple[Decision, Decision]], listed_max: int
) -> None:
    found = Comparison(listed_max=listed_max)
    for before, after in given_pairs:
        found.add(before, after)
    flips = [Flip(before=a, after=b) for a, b in given_pairs if a.action is not b.action]
    best = sorted(flip.order for flip in flips)[:listed_max]
    assert [flip.order for flip in found.listed] == best


def test_listed__what_is_served_and_would_not_be_comes_first() -> None:
    found = Comparison(listed_max=10)
    cases = [
        (Action.DENY, Action.SERVE),
        (Action.HOLD, Action.DENY),
        (Action.HOLD, Action.SERVE),
        (Action.SERVE, Action.HOLD),
        (Action.SERVE, Action.DENY),
        (Action.SERVE, Action.SERVE),
    ]
    for now, then in cases:
        found.add(decision(now), decision(then, 50))
    assert [(flip.before.action, flip.after.action) for flip in found.listed] == [
        (Action.SERVE, Action.DENY),
        (Action.SERVE, Action.HOLD),
        (Action.HOLD, Action.DENY),
        (Action.DENY, Action.SERVE),
        (Action.HOLD, Action.SERVE),
    ]
    assert (found.worse, found.better) == (3, 2)


def test_listed__the_greater_fall_comes_first() -> None:
    found = Comparison(listed_max=10)
    found.add(decision(project="small", score=65), decision(Action.HOLD, 55, "small"))
    found.add(decision(project="great", score=95), decision(Action.HOLD, 35, "great"))
    assert [flip.before.ref.project for flip in found.listed] == ["great", "small"]


def test_reason__is_the_first_that_was_not_stated_before() -> None:
    finding = reason(ReasonCode.FINDING, finding="decoy-read")
    before = replace(decision(), reasons=(finding, reason(ReasonCode.SCORE, score="90")))
    after = replace(
        decision(Action.HOLD, 40), reasons=(finding, reason(ReasonCode.SCORE, score="40"))
    )
    assert Flip(before=before, after=after).reason == reason(ReasonCode.SCORE, score="40")
    same = replace(after, reasons=(finding,))
    assert Flip(before=before, after=same).reason == finding
    assert Flip(before=before, after=replace(after, reasons=())).reason is None


def test_moved__is_the_layer_whose_score_moved_most() -> None:
    before = decision(metadata=90, behaviour=80, reputation=70)
    after = decision(Action.HOLD, 40, metadata=85, behaviour=20, reputation=70)
    assert Flip(before=before, after=after).moved == LayerMove(
        layer=Layer.BEHAVIOUR, before=80, after=20
    )
    gone = decision(Action.HOLD, 40, metadata=90, behaviour=80)
    lost = Flip(before=before, after=gone).moved
    assert lost == LayerMove(layer=Layer.REPUTATION, before=70, after=None)
    assert Flip(before=before, after=before).moved is None


def test_strictness__knows_every_action() -> None:
    assert set(STRICTNESS) == set(Action)
