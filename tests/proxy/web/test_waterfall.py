"""The picture of a score: bars that join, on one axis, in front of the tiers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.decision import LayerStatus, TrustTier
from models.evidence import Layer, Severity
from models.trust.explain import Explanation, Part, Step, Unit, explain
from models.trust.learned import REST
from models.trust.rules import RulesScorer
from proxy.web.waterfall import AXIS, BAR_MIN, STEPS_SHOWN_MAX, waterfall
from tests.models.examples import evidence, facts, finding


def part(layer: Layer, *millis: int) -> Part:
    steps = tuple(
        Step(code=f"c{number}", sentence=f"Step {number}.", milli=milli)
        for number, milli in enumerate(millis)
    )
    return Part(layer=layer, status=LayerStatus.MEASURED, score=50, milli=sum(millis), steps=steps)


def told(*parts: Part, base: int = -5000, unit: Unit = Unit.RISK) -> Explanation:
    return Explanation(
        model="demo",
        unit=unit,
        base_milli=base,
        parts=parts,
        total_milli=base + sum(one.milli for one in parts),
        edges_milli=(-4000, -2000, 0),
        uncapped=50,
        score=50,
        caps=(),
    )


MILLIS = st.lists(st.integers(-9000, 9000), max_size=12)


@given(MILLIS, MILLIS, st.integers(-9000, 9000), st.sampled_from(Unit))
def test_waterfall__everything_lies_on_the_axis(
    first: list[int], second: list[int], base: int, unit: Unit
) -> None:
    parts = (part(Layer.METADATA, *first), part(Layer.BEHAVIOUR, *second))
    picture = waterfall(told(*parts, base=base, unit=unit))
    assert sum(band.width for band in picture.bands) == AXIS
    assert [band.tier for band in picture.bands] == (
        list(TrustTier) if unit is Unit.RISK else list(TrustTier)[::-1]
    )
    for bar in picture.bars:
        assert bar.x >= 0
        assert bar.width >= BAR_MIN
        assert bar.x + bar.width <= AXIS


def test_waterfall__a_bar_begins_where_the_one_before_ended() -> None:
    picture = waterfall(told(part(Layer.METADATA, 3000, 2000)))
    steps = [bar for bar in picture.bars if bar.look in ("worse", "better")]
    assert [bar.look for bar in steps] == ["worse", "worse"]
    assert steps[0].x + steps[0].width == steps[1].x
    assert picture.bars[-1].amount == "+0.00"


def test_waterfall__what_is_worse_depends_on_the_unit() -> None:
    for unit, look in ((Unit.RISK, "worse"), (Unit.POINTS, "better")):
        picture = waterfall(told(part(Layer.METADATA, 1000), unit=unit))
        assert [bar.look for bar in picture.bars] == ["mark", "sum", look, "mark"]


def test_waterfall__small_steps_share_a_bar_and_nothing_is_lost() -> None:
    many = part(Layer.METADATA, *range(100, 100 + STEPS_SHOWN_MAX + 3))
    picture = waterfall(told(many))
    steps = [bar for bar in picture.bars if bar.look == "worse"]
    assert len(steps) == STEPS_SHOWN_MAX + 1
    assert steps[-1].sentence == "Smaller steps together."
    assert steps[-1].amount == "+0.30"


def test_waterfall__one_small_step_needs_no_bar_of_a_rest() -> None:
    picture = waterfall(told(part(Layer.METADATA, *range(100, 100 + STEPS_SHOWN_MAX + 1))))
    sentences = [bar.sentence for bar in picture.bars if bar.look == "worse"]
    assert len(sentences) == STEPS_SHOWN_MAX + 1
    assert all(sentence.startswith("Step ") for sentence in sentences)


def test_waterfall__what_the_scorer_summed_up_joins_the_small_steps() -> None:
    steps = (
        Step(code=REST, sentence="9 smaller contributions.", milli=900),
        Step(code="c", sentence="Step.", milli=100),
    )
    both = Part(layer=Layer.METADATA, status=LayerStatus.MEASURED, score=5, milli=1000, steps=steps)
    bars = [one for one in waterfall(told(both)).bars if one.look == "worse"]
    assert [(bar.sentence, bar.amount) for bar in bars] == [
        ("Step.", "+0.10"),
        ("Smaller steps together.", "+0.90"),
    ]


def test_waterfall__the_last_row_says_the_score_and_what_a_cap_made_of_it() -> None:
    plain = told(part(Layer.METADATA, 100))
    assert waterfall(plain).bars[-1].sentence == "Together: 50 of 100"
    capped = replace(plain, uncapped=72)
    assert waterfall(capped).bars[-1].sentence == "Together: 72 of 100, capped at 50"


def test_waterfall__steps_that_read_alike_are_one() -> None:
    same = tuple(Step(code=f"c{n}", sentence="It connects.", milli=500, value="1") for n in "ab")
    both = Part(layer=Layer.METADATA, status=LayerStatus.MEASURED, score=50, milli=1000, steps=same)
    (bar,) = [one for one in waterfall(told(both)).bars if one.look == "worse"]
    assert (bar.amount, bar.value) == ("+1.00", "2 features")


def test_waterfall__of_the_rules_has_points_and_the_cap() -> None:
    seen = evidence(findings=(finding(severity=Severity.HIGH),))
    known = facts()
    score = RulesScorer().score(seen, known)
    picture = waterfall(explain(score, seen, known))
    assert picture.unit == "points"
    assert any("caps the whole score" in cap for cap in picture.caps)
