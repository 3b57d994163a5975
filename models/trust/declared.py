"""What facts of the living add to the risk: declared, not learned, and bounded both ways.

Every malicious project answers 404 today, so that a model which saw ages, releases or popularity in
training would learn who is still alive (FACTS.md section 3). What these facts are worth is stated
here instead, in thousandths of log-odds, and kept in each model's card.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from models.decision import Contribution
from models.evidence import Layer
from models.facts import Facts, SourceState
from models.trust.layers import PROVENANCE_SOURCE, VERIFIED_SIGNAL

BOUND = "declared-bound"
"""The code of the contribution that keeps a sum within its bounds."""
WATCHED_PROJECT = "watched-project"
WATCHED_RELEASE = "watched-release"
WATCHED_SCORE_MAX = 80
"""The highest score of what is watched: the top of MONITOR."""
MILLI_MAX = 20_000
"""Thousandths of log-odds that one number may state: odds of 500 million to one."""

Milli = Annotated[int, Meta(ge=-MILLI_MAX, le=MILLI_MAX)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskStep:
    """A risk for a measure that lies below a bound; the first step that fits counts."""

    below: Count
    milli: Milli


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Thousandths of log-odds; positive is riskier. Whatever is not named here is worth nothing."""

    project_age_days: tuple[RiskStep, ...] = (
        RiskStep(below=30, milli=1500),
        RiskStep(below=90, milli=1000),
        RiskStep(below=365, milli=300),
    )
    """The bounds of `RulesNumbers`: nearly all malicious projects are caught within weeks."""
    project_age_unknown: Milli = 700
    release_age_days: tuple[RiskStep, ...] = (RiskStep(below=7, milli=1000),)
    """Hijacked releases of old projects are found within days."""
    release_age_unknown: Milli = 500
    watched_project_days: Count = 90
    """A project younger than this is never above MONITOR, however clean; as the rules have it."""
    watched_release_days: Count = 7
    """A release younger than this is never above MONITOR."""
    release_count: tuple[RiskStep, ...] = (
        RiskStep(below=2, milli=400),
        RiskStep(below=5, milli=150),
    )
    release_count_unknown: Milli = 150
    popularity_rank: tuple[RiskStep, ...] = (
        RiskStep(below=1001, milli=-700),
        RiskStep(below=15001, milli=-300),
    )
    yanked: Milli = 500
    attestation_announced: Milli = -200
    """Nobody here was asked to verify it, hence little."""
    attestation_verified: Milli = -700
    """It says where the file came from, not that it is good: a hijacked build signs as well
    (ultralytics, 2024). It halves the odds, and no more."""
    lowest: Milli = -1500
    """All of it together takes no more than this: a good name must not wash a bad file."""


DECLARED = Declared()


def declared_contributions(
    facts: Facts | None, layers: frozenset[Layer], numbers: Declared, *, highest: int
) -> dict[Layer, tuple[Contribution, ...]]:
    """What facts add to the risk of the two layers that they are about, where those are in `layers`.

    The whole lies between `numbers.lowest` and `highest`. With the distance between the edges of
    APPROVE and MONITOR as `highest`, facts alone never take a clean file below MONITOR.
    """
    found: dict[Layer, tuple[Contribution, ...]] = {}
    if facts is not None and Layer.PROVENANCE in layers:
        found[Layer.PROVENANCE] = _moved(_attestation(facts, numbers))
    if facts is not None and Layer.REPUTATION in layers:
        found[Layer.REPUTATION] = _moved(
            _project_age(facts, numbers),
            _release_age(facts, numbers),
            _release_count(facts, numbers),
            _popularity(facts, numbers),
            _yanked(facts, numbers),
        )
    total = sum(one.risk_milli for told in found.values() for one in told)
    beyond = min(max(total, numbers.lowest), highest) - total
    if beyond:
        where = Layer.REPUTATION if found.get(Layer.REPUTATION) else Layer.PROVENANCE
        line = _line(BOUND, beyond, "Facts about a project weigh no more than this together.")
        found[where] = (*found[where], line)
    return found


def watched(facts: Facts | None, numbers: Declared) -> tuple[str, str]:
    """Why a file is watched whatever else is known: a code and a sentence; both empty: it is not."""
    if facts is None:
        return "", ""
    project, release = facts.project_age_days, facts.age_days
    if project is None or project < numbers.watched_project_days:
        days = numbers.watched_project_days
        return WATCHED_PROJECT, f"A project that is not known to be {days} days old is watched."
    if release is None or release < numbers.watched_release_days:
        days = numbers.watched_release_days
        return WATCHED_RELEASE, f"A release that is not known to be {days} days old is watched."
    return "", ""


def _moved(*lines: Contribution) -> tuple[Contribution, ...]:
    return tuple(line for line in lines if line.risk_milli)


def _line(code: str, milli: int, detail: str) -> Contribution:
    return Contribution(code=code, points=0, detail=detail, risk_milli=milli)


def _step(steps: tuple[RiskStep, ...], measure: int) -> int:
    return next((step.milli for step in steps if measure < step.below), 0)


def _attestation(facts: Facts, numbers: Declared) -> Contribution:
    asked = facts.source(PROVENANCE_SOURCE)
    if asked is None:
        milli = numbers.attestation_announced if facts.attested else 0
        detail = "The index announces an attestation for this file."
        return _line("attestation-announced", milli, detail)
    holds = asked.state is SourceState.MEASURED and facts.signal(VERIFIED_SIGNAL) is True
    milli = numbers.attestation_verified if holds else 0
    return _line("attestation-verified", milli, "An attestation for this file was verified.")


def _by_steps(
    code: str,
    measure: int | None,
    steps: tuple[RiskStep, ...],
    unknown: tuple[int, str],
    words: Callable[[int], str],
) -> Contribution:
    if measure is None:
        return _line(f"{code}-unknown", *unknown)
    return _line(code, _step(steps, measure), words(measure))


def _project_age(facts: Facts, numbers: Declared) -> Contribution:
    return _by_steps(
        "project-age",
        facts.project_age_days,
        numbers.project_age_days,
        (numbers.project_age_unknown, "The index does not say how old the project is."),
        lambda days: f"The project is {days} days old.",
    )


def _release_age(facts: Facts, numbers: Declared) -> Contribution:
    return _by_steps(
        "release-age",
        facts.age_days,
        numbers.release_age_days,
        (numbers.release_age_unknown, "The index does not say when the file was uploaded."),
        lambda days: f"The file was uploaded {days} days ago.",
    )


def _release_count(facts: Facts, numbers: Declared) -> Contribution:
    return _by_steps(
        "release-count",
        facts.project_release_count,
        numbers.release_count,
        (numbers.release_count_unknown, "The number of releases is not known."),
        lambda count: f"The project has {count} release(s).",
    )


def _popularity(facts: Facts, numbers: Declared) -> Contribution:
    rank = facts.popularity_rank
    milli = 0 if rank is None else _step(numbers.popularity_rank, rank)
    return _line("popularity", milli, f"The project has rank {rank} by downloads.")


def _yanked(facts: Facts, numbers: Declared) -> Contribution:
    milli = numbers.yanked if facts.yanked else 0
    return _line("yanked", milli, "The project has yanked this file.")
