"""An explanation sums to what was decided, in log-odds and in points alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import LayerStatus, TrustTier
from models.evidence import Evidence, Layer, Place, Severity
from models.facts import Facts
from models.phase import Phase
from models.trust.explain import Explanation, Unit, explain
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer
from models.trust.shelf import Shelf
from tests.models.examples import evidence, facts, finding
from tests.models.trust.shelved import COLUMNS, NAME, put
from tests.models.trust.test_learned import cases


@pytest.fixture(name="scorers", scope="session")
def _scorers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scorer]:
    shelf = Shelf(put(tmp_path_factory.mktemp("shelf")), columns=COLUMNS)
    return {name: shelf.scorer(name) for name in ("rules", NAME)}


def explained(
    scorer: Scorer, seen: Evidence, known: Facts | None, off: tuple[Layer, ...] = ()
) -> Explanation:
    return explain(scorer.score(seen, known, layers_off=off), seen, known)


@given(name=st.sampled_from(["rules", NAME]), case=cases())
def test_explain__steps_sum_to_parts_and_parts_to_the_whole(
    scorers: dict[str, Scorer], name: str, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    told = explained(scorers[name], *case)
    assert told.unit is (Unit.POINTS if name == "rules" else Unit.RISK)
    assert told.total_milli == told.base_milli + sum(part.milli for part in told.parts)
    for part in told.parts:
        assert part.milli == sum(step.milli for step in part.steps)
        assert all(step.milli or name == "rules" for step in part.steps)
        assert all(step.sentence.endswith(".") for step in part.steps)
    assert told.score <= told.uncapped
    if told.capped:
        assert told.caps


@given(case=cases())
def test_explain__points_come_to_the_score_of_the_rules(
    scorers: dict[str, Scorer], case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    told = explained(scorers["rules"], *case)
    cap = min(
        (RULES.cap(one.severity) for one in case[0].findings if one.layer not in case[2]),
        default=100,
    )
    assert told.score == min(told.uncapped, cap)
    assert abs(told.total_milli - 1000 * told.uncapped) <= 1000


def test_explain__tiers_go_with_the_edges(scorers: dict[str, Scorer]) -> None:
    risk = explained(scorers[NAME], evidence(), facts())
    points = explained(scorers["rules"], evidence(), facts())
    assert (risk.edges_milli, risk.tiers[0]) == ((-4000, -2000, 1000), TrustTier.APPROVE)
    assert (points.edges_milli, points.tiers[0]) == ((31000, 61000, 81000), TrustTier.BLOCK)


def test_explain__findings_are_told_with_their_place(scorers: dict[str, Scorer]) -> None:
    seen = evidence(
        findings=(
            finding("network-connect", what="", place=Place(address="203.0.113.7")),
            finding("static-decode-exec", Severity.LOW, layer=Layer.METADATA, what="", phase=None),
        )
    )
    for scorer in scorers.values():
        sentences = {
            step.sentence for part in explained(scorer, seen, facts()).parts for step in part.steps
        }
        assert "It decodes code and runs it." in sentences
        assert any("to 203.0.113.7 on import" in one for one in sentences)


def test_explain__what_was_not_seen_says_so(scorers: dict[str, Scorer]) -> None:
    told = explained(scorers[NAME], evidence(), facts())
    sentences = [step.sentence for part in told.parts for step in part.steps]
    assert "Not seen: it opened connections on import." in sentences
    assert (
        "What was not measured, beside the average of what the model was trained on." in sentences
    )


def test_explain__a_value_is_told_as_people_say_it(scorers: dict[str, Scorer]) -> None:
    seen = evidence(
        findings=(
            finding("network-connect", Severity.LOW, what=""),
            finding("static-decode-exec", Severity.LOW, layer=Layer.METADATA, what="", phase=None),
        )
    )
    told = explained(scorers[NAME], seen, facts())
    values = {step.code: step.value for part in told.parts for step in part.steps}
    assert values["static.decode_exec"] == "low"
    assert values["run.import_connects"] == "1"
    assert values["names.module_taken"] == ""  # its sentence says that it was not seen


def test_explain__a_layer_below_nothing_ends_at_0(scorers: dict[str, Scorer]) -> None:
    many = tuple(
        finding("decoy-read", Severity.CRITICAL, what=what, phase=Phase.IMPORT)
        for what in ("aws-key", "ssh-key", "wallet")
    )
    told = explained(scorers["rules"], evidence(findings=many), facts())
    (part,) = [part for part in told.parts if part.layer is Layer.BEHAVIOUR]
    assert part.score == 0
    assert part.steps[-1].sentence == "A layer ends at 0."
    assert "It read a planted wallet on import." in {step.sentence for step in part.steps}


def test_explain__without_evidence_it_is_told_by_the_decision_alone(
    scorers: dict[str, Scorer],
) -> None:
    seen = evidence(findings=(finding(),))
    for scorer in scorers.values():
        told = explain(scorer.score(seen, facts()))
        assert told.total_milli == explained(scorer, seen, facts()).total_milli
    rules = explain(scorers["rules"].score(seen, facts()))
    assert "It read a planted AWS key." in {s.sentence for p in rules.parts for s in p.steps}


def test_explain__a_score_without_layers_is_its_own_base() -> None:
    bare = replace(RulesScorer().score(evidence(), facts()), layers=(), value=40)
    told = explain(bare)
    assert (told.base_milli, told.total_milli, told.uncapped) == (40_000, 40_000, 40)
    nothing = RulesScorer().score(evidence(layers=()), None)
    assert {layer.status for layer in nothing.layers} == {LayerStatus.MISSING}
    assert explain(nothing).total_milli == nothing.value * 1000


def test_explain__a_stored_score_whose_lines_were_not_kept_is_told() -> None:
    layers = tuple(
        replace(layer, contributions=())
        for layer in RulesScorer().score(evidence(), facts()).layers
    )
    told = explain(replace(RulesScorer().score(evidence(), facts()), layers=layers))
    assert told.uncapped == told.score
