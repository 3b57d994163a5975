"""A score told step by step: from the base to the whole, a sentence for each thing that moved it.

The sentences are of a closed set. What they are filled with was vetted (`models.reason`): a host name,
an address, a phase, a kind of planted thing; nothing else of a package stands in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from models.decision import (
    Contribution,
    LayerScore,
    LayerStatus,
    ReasonCode,
    TrustScore,
    TrustTier,
    reason,
)
from models.evidence import Evidence, Finding, Layer
from models.facts import Facts
from models.reason import address_word, cause_clause, host_word, sentence
from models.trust.behind import cause_slots, was_seen
from models.trust.declared import BOUND, WATCHED_PROJECT, WATCHED_RELEASE
from models.trust.features.subject import Subject
from models.trust.findings import SEVERITY_RANK, own_findings
from models.trust.learned import ABOVE_RULES, NOTHING_MEASURED, REST, UNMEASURED
from models.trust.scale import Scale
from models.trust.shares import apportioned
from models.vocabulary import finding_title

CAPS = frozenset({"cap", ABOVE_RULES, WATCHED_PROJECT, WATCHED_RELEASE, NOTHING_MEASURED})
"""Contributions that move nothing and bound the whole."""
BASE = "base"
FLOOR = "floor"
"""A layer's points end at 0 and at 100; this is what of its steps was beyond."""
LOWEST = {TrustTier.QUARANTINE: 31, TrustTier.MONITOR: 61, TrustTier.APPROVE: 81}
"""The lowest score of each tier above BLOCK."""

_FIXED = {
    UNMEASURED: "What was not measured, beside the average of what the model was trained on.",
    BOUND: "Facts about a project weigh no more than this together.",
    FLOOR: "A layer ends at 0.",
}


class Unit(StrEnum):
    """What steps are counted in, by thousandths."""

    RISK = "log-odds"
    """Of being malicious: more is worse."""
    POINTS = "points"
    """Of the whole score: more is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that moved the score."""

    code: str
    sentence: str
    milli: int
    value: str = ""
    """What was measured, such as `3` or `medium`; empty where the sentence says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One layer's steps, the largest first as the scorer told them; `milli` is their exact sum."""

    layer: Layer
    status: LayerStatus
    score: int | None
    milli: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`base_milli` and the parts' `milli` sum to `total_milli` exactly."""

    model: str
    unit: Unit
    base_milli: int
    parts: tuple[Part, ...]
    total_milli: int
    edges_milli: tuple[int, ...]
    """Where tiers meet, ascending; of risk: APPROVE first, of points: BLOCK first."""
    uncapped: int
    """The score that `total_milli` comes to."""
    score: int
    caps: tuple[str, ...]
    """Sentences on what bounds the score, whether or not it would be higher."""

    @property
    def capped(self) -> bool:
        """Whether a cap made the score lower than its steps."""
        return self.score < self.uncapped

    @property
    def tier(self) -> TrustTier:
        """The band of the score, before policy."""
        return TrustTier.of(self.score)

    @property
    def tiers(self) -> tuple[TrustTier, ...]:
        """The tiers between the edges, from the lowest `milli` to the highest."""
        best_first = tuple(TrustTier)
        return best_first if self.unit is Unit.RISK else best_first[::-1]


def explain(
    score: TrustScore, evidence: Evidence | None = None, facts: Facts | None = None
) -> Explanation:
    """The steps of `score`; with the evidence and facts that it rests on, sentences say more."""
    told = _learned(score, evidence) if score.learned else _points(score, evidence, facts)
    caps = tuple(
        line.detail for layer in score.layers for line in layer.contributions if line.code in CAPS
    )
    base, parts, edges, uncapped = told
    return Explanation(
        model=score.model,
        unit=Unit.RISK if score.learned else Unit.POINTS,
        base_milli=base,
        parts=parts,
        total_milli=base + sum(part.milli for part in parts),
        edges_milli=edges,
        uncapped=uncapped,
        score=score.value,
        caps=caps,
    )


_Told = tuple[int, tuple[Part, ...], tuple[int, ...], int]
"""Base, parts, edges, and the score they come to."""


def _learned(score: TrustScore, evidence: Evidence | None) -> _Told:
    subject = None if evidence is None else Subject.of(evidence)
    parts = tuple(
        Part(
            layer=layer.layer,
            status=layer.status,
            score=layer.score,
            milli=layer.risk_milli,
            steps=tuple(
                Step(
                    code=line.code,
                    sentence=_of_risk(line, layer.layer, subject),
                    milli=line.risk_milli,
                    value=_value(line.detail) if "." in line.code else "",
                )
                for line in layer.contributions
                if line.risk_milli
            ),
        )
        for layer in score.layers
    )
    risk, base = score.risk_milli or 0, score.base_milli or 0
    uncapped = score.value
    if len(score.edges_milli) == 3:
        first, middle, last = score.edges_milli
        uncapped = Scale(edges=(first, middle, last)).score(risk)
    return base, parts, score.edges_milli, uncapped


def _value(detail: str) -> str:
    """What was measured, as people say it; nothing where the sentence says it all."""
    unit, _, number = detail.rpartition(" ")
    if number == "0" or unit == "flag":
        return ""
    if unit == "severity":
        return next((one.value for one, rank in SEVERITY_RANK.items() if str(rank) == number), "")
    return number if unit == "count" else f"{number} {unit}"


def _of_risk(line: Contribution, layer: Layer, subject: Subject | None) -> str:
    if line.code in _FIXED:
        return _FIXED[line.code]
    if line.code == REST:
        return f"{line.detail[:1].upper()}{line.detail[1:]}." if line.detail else "Smaller ones."
    if "." not in line.code:
        return line.detail
    seen = was_seen(line)
    slots = cause_slots(line.code, layer, subject if seen else None)
    if not seen:
        slots.pop("new", None)
    clause = cause_clause(reason(ReasonCode.SCORE, **slots))
    return f"It {clause}." if seen else f"Not seen: it {clause}."


def _points(score: TrustScore, evidence: Evidence | None, facts: Facts | None) -> _Told:
    """Points of a layer are worth its share of the weight; a layer without a score is worth nothing."""
    weight = sum(layer.weight_percent for layer in score.layers if layer.score is not None)
    edges = tuple(lowest * 1000 for lowest in LOWEST.values())
    if not weight:
        empty = tuple(_part(layer, ()) for layer in score.layers)
        return score.value * 1000, empty, edges, score.value
    findings = own_findings(evidence, facts)
    bases, steps = [], []
    for layer in score.layers:
        worth = Fraction(1000 * layer.weight_percent, weight)
        lines = _with_floor(layer)
        bases.append(worth * sum(line.points for line in lines if line.code == BASE))
        steps += [(layer.layer, line, worth * line.points) for line in lines if line.code != BASE]
    base = sum(bases, Fraction(0))
    whole = base + sum((worth for _, _, worth in steps), Fraction(0))
    shares = apportioned([float(base), *(float(worth) for _, _, worth in steps)], round(whole))
    moved: dict[Layer, list[Step]] = {layer.layer: [] for layer in score.layers}
    for (where, line, _), milli in zip(steps, shares[1:], strict=True):
        told = Step(code=line.code, sentence=_of_points(line, where, findings), milli=milli)
        moved[where].append(told)
    parts = tuple(_part(layer, tuple(moved[layer.layer])) for layer in score.layers)
    return shares[0], parts, edges, int(whole // 1000)


def _part(layer: LayerScore, steps: tuple[Step, ...]) -> Part:
    return Part(
        layer=layer.layer,
        status=layer.status,
        score=layer.score,
        milli=sum(step.milli for step in steps),
        steps=steps,
    )


def _with_floor(layer: LayerScore) -> list[Contribution]:
    """The lines that move a layer with a score, and what its bounds took back of them."""
    if layer.score is None:
        return []
    lines = [line for line in layer.contributions if line.points]
    beyond = layer.score - sum(line.points for line in lines)
    if not lines:  # a layer told without its lines: all of it is its base
        return [Contribution(code=BASE, points=layer.score)]
    return [*lines, Contribution(code=FLOOR, points=beyond)] if beyond else lines


def _of_points(line: Contribution, layer: Layer, findings: tuple[Finding, ...]) -> str:
    if line.code in _FIXED:
        return _FIXED[line.code]
    for found in findings:
        title = finding_title(found.id, found.what, found.layer.value)
        same = (found.id, found.layer) == (line.code, layer)
        if same and line.detail == f"{found.severity.value}: {title}":
            return sentence(
                reason(
                    ReasonCode.FINDING,
                    finding=found.id,
                    layer=found.layer.value,
                    what=found.what,
                    host=host_word(found.place.host),
                    address=address_word(found.place.address),
                    phase=found.phase.value if found.phase else "",
                )
            )
    severity, separator, title = line.detail.partition(": ")
    known = separator and severity.islower()
    return f"It {title}." if known else line.detail or line.code
