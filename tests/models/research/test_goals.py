"""A goal is met only where the whole interval lies on its side, and none is left out that was missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.research.controls import broken
from models.research.goals import UNSEEN, Goal, Met, goals
from models.research.metrics import Interval
from models.research.results import Evaluation, View
from tests.models.research import synthetic

FOUND = synthetic.evaluation()


def _with_behaviour(split: str, recall: Interval) -> Evaluation:
    """The evaluation with another recall of behaviour at 0.5 % under one split."""
    scored = []
    for one in FOUND.scored:
        if (one.scorer, one.split, one.view) == ("learned", split, View.BEHAVIOUR):
            at = tuple(
                replace(rate, recall=recall) if rate.rate == 0.005 else rate
                for rate in one.measures.at
            )
            scored.append(replace(one, measures=replace(one.measures, at=at)))
        else:
            scored.append(one)
    return replace(FOUND, scored=tuple(scored))


def _goal(evaluation: Evaluation, beginning: str) -> Goal:
    return next(one for one in goals(evaluation) if one.name.startswith(beginning))


@pytest.mark.parametrize(
    ("low", "high", "met"),
    [(0.96, 0.99, Met.YES), (0.90, 0.97, Met.OPEN), (0.60, 0.90, Met.NO)],
)
def test_goals__an_interval_that_holds_the_bound_leaves_it_open(
    low: float, high: float, met: Met
) -> None:
    recall = Interval(value=(low + high) / 2, low=low, high=high)
    assert _goal(_with_behaviour(UNSEEN, recall), "Behaviour").met is met


def test_goals__unseen_behaviour_is_that_of_a_technique_left_out() -> None:
    sure = Interval(value=1, low=0.99, high=1)
    easier = _with_behaviour("leave-one-recipe-out", sure)
    assert _goal(easier, "Behaviour") == _goal(FOUND, "Behaviour")


def test_goals__a_control_that_rises_misses_its_goal() -> None:
    assert _goal(FOUND, "Negative").met is Met.YES
    risen = tuple(
        replace(one, rises=True) if one.name == "tells only" else one for one in FOUND.controls
    )
    assert broken(risen)
    goal = _goal(replace(FOUND, controls=risen), "Negative")
    assert goal.met is Met.NO
    assert "tells only rises" in goal.found


def test_goals__name_the_strongest_baseline_and_only_it() -> None:
    later = {
        one.scorer: one.theirs
        for one in FOUND.leads
        if (one.split, one.rate) == ("time", 0.01) and one.scorer != "other"
    }
    named = [one.name for one in goals(FOUND) if "best baseline" in one.name]
    assert len(named) == 1
    best = max(later.values())
    assert any(f"({name})" in named[0] for name, recall in later.items() if recall == best)


def test_goals__a_scorer_with_a_threshold_is_met_at_it() -> None:
    others = [one for one in goals(FOUND) if "above other" in one.name]
    assert len(others) == 1
    assert "at its own threshold" in others[0].name
    assert "malicious and" in others[0].found


def test_goals__one_blocked_popular_wheel_misses_whatever_the_interval() -> None:
    one = Interval(value=0.001, low=0.0, high=0.004)
    alarms = tuple(
        replace(each, above_e30=one)
        if (each.population, each.kind) == ("popular", "wheel")
        else each
        for each in FOUND.alarms
    )
    assert _goal(replace(FOUND, alarms=alarms), "Popular wheels: none BLOCK").met is Met.NO
