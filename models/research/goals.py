"""The goals that were set before anything was measured, and whether the figures meet them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from models.research.controls import broken
from models.research.evaluation import FAMILY_RATE
from models.research.metrics import Interval
from models.research.results import Alarms, Evaluation, Lead, View
from models.research.rows import Population
from models.research.scorers import LEARNERS, MODEL

UNSEEN = "leave-one-technique-out"
BEHAVIOUR_RECALL = 0.95
APPROVED_SHARE = 0.90
QUARANTINED_SHARE = 0.005
STATIC_RATE = 0.01


class Met(StrEnum):
    """How a goal stands. An interval that holds the bound leaves it open."""

    YES = "met"
    OPEN = "open"
    NO = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal and the figure that answers it."""

    name: str
    met: Met
    found: str


def goals(evaluation: Evaluation) -> tuple[Goal, ...]:
    """All goals that this evaluation has a figure for."""
    return (
        *_behaviour(evaluation),
        _controls(evaluation),
        *_static(evaluation),
        *_wheels(evaluation),
    )


def _behaviour(evaluation: Evaluation) -> Iterable[Goal]:
    # The stricter of the two: where each recipe is one of a kind, leaving one out leaves its
    # relatives of the same technique in training.
    found = evaluation.find(MODEL, UNSEEN, View.BEHAVIOUR)
    if found:
        recall = found.recall(FAMILY_RATE)
        yield Goal(
            name="Behaviour of unseen techniques: 95 % caught at 0.5 % of honest runs flagged",
            met=_at_least(recall, BEHAVIOUR_RECALL),
            found=f"{in_percent(recall)} caught",
        )


def _controls(evaluation: Evaluation) -> Goal:
    risen = broken(evaluation.controls)
    held = sum(one.must_hold for one in evaluation.controls)
    return Goal(
        name="Negative controls that must hold are at chance",
        met=Met.NO if risen else Met.YES,
        found=", ".join(f"{one.name} rises" for one in risen) or f"all {held} are",
    )


def _static(evaluation: Evaluation) -> Iterable[Goal]:
    leads = [one for one in evaluation.leads if (one.split, one.view) == ("time", View.STATIC)]
    own = {one.scorer for one in leads if one.own_threshold}
    learners = [one for one in leads if one.rate == STATIC_RATE and one.scorer in LEARNERS]
    best = max(learners, key=lambda one: (one.theirs, one.scorer), default=None)
    for lead in leads:
        if lead.scorer in LEARNERS:
            if lead is not best:
                continue
            name = f"our best baseline ({lead.scorer})"
        elif lead.scorer in own:
            # A scorer of few steps may have none at 1 %; at its own rate it is at its best.
            if not lead.own_threshold:
                continue
            name = f"{lead.scorer} at its own threshold"
        elif lead.rate == STATIC_RATE:
            name = lead.scorer
        else:
            continue
        yield Goal(
            name=f"Static, out of time: above {name}, {100 * lead.rate:.1f} % of honest flagged",
            met=_at_least(lead.lead, 0.0),
            found=f"{in_points(lead.lead)} on {_items(evaluation, lead)}",
        )


def _items(evaluation: Evaluation, lead: Lead) -> str:
    """How many malicious and honest items a lead rests on."""
    found = evaluation.find(lead.scorer, lead.split, lead.view)
    if found is None:
        return f"{lead.items:,} items"
    return f"{found.malicious:,} malicious and {found.benign:,} honest items"


def _wheels(evaluation: Evaluation) -> Iterable[Goal]:
    rows = [one for one in evaluation.alarms if one.population == Population.POPULAR.value]
    wheels = next((one for one in rows if one.kind == "wheel"), None)
    if wheels is None:
        return
    yield Goal(
        name="Popular wheels: 90 % or more APPROVE",
        met=_at_most(wheels.above_e80, 1 - APPROVED_SHARE),
        found=f"{in_percent(_rest(wheels))} of {wheels.rows:,}, by edges made without them",
    )
    yield Goal(
        name="Popular wheels: none BLOCK, at most 0.5 % QUARANTINE",
        met=Met.NO if wheels.above_e30.value else _at_most(wheels.above_e60, QUARANTINED_SHARE),
        found=f"{in_percent(wheels.above_e60)} of {wheels.rows:,} below MONITOR, by edges made without them",
    )


def _rest(alarms: Alarms) -> Interval:
    above = alarms.above_e80
    return Interval(value=1 - above.value, low=1 - above.high, high=1 - above.low)


def _at_least(found: Interval, bound: float) -> Met:
    if found.low > bound or found.low == found.value == bound:
        return Met.YES
    return Met.OPEN if found.high >= bound else Met.NO


def _at_most(found: Interval, bound: float) -> Met:
    if found.high <= bound:
        return Met.YES
    return Met.OPEN if found.low <= bound else Met.NO


def in_percent(found: Interval, digits: int = 1) -> str:
    """`97.3 % (95.1 to 98.8)`."""
    value, low, high = (100 * one for one in (found.value, found.low, found.high))
    return f"{value:.{digits}f} % ({low:.{digits}f} to {high:.{digits}f})"


def in_points(found: Interval) -> str:
    """`+4.0 points (1.2 to 6.9)`."""
    value, low, high = (100 * one for one in (found.value, found.low, found.high))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"
