"""The rules scorer: a transparent weighted sum of four layers, capped by the worst finding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from models.canonical import Digest, digest_of
from models.decision import Contribution, LayerScore, LayerStatus, TrustScore
from models.evidence import Evidence, Finding, Layer, Severity
from models.facts import Facts
from models.trust.findings import SEVERITY_RANK, distinct, own_findings
from models.trust.layers import (
    behaviour_layer,
    metadata_layer,
    provenance_layer,
    reputation_layer,
    without_score,
)
from models.trust.numbers import RULES, SCORE_MAX, RulesNumbers


@dataclass(frozen=True, slots=True)
class RulesScorer:
    """Pure and transparent: every point lost or won stands in a layer's contributions.

    A layer that is missing or off has no score, and the others share its weight: what that means
    is for policy to say. No finding ever raises a score.
    """

    numbers: RulesNumbers = RULES

    @property
    def name(self) -> str:
        """For people and for the decision."""
        return f"rules-{self.numbers.revision}"

    @property
    def digest(self) -> Digest:
        """Covers the name and all numbers."""
        return _digest(self.name, self.numbers)

    def score(
        self, evidence: Evidence, facts: Facts | None, *, layers_off: tuple[Layer, ...] = ()
    ) -> TrustScore:
        """The score of one artifact."""
        own = tuple(f for f in own_findings(evidence, facts) if f.layer not in layers_off)
        findings = distinct(own, objects_max=self.numbers.objects_counted)
        layers = (
            metadata_layer(evidence, findings, self.numbers),
            behaviour_layer(evidence, findings, self.numbers),
            provenance_layer(facts, findings, self.numbers),
            reputation_layer(facts, findings, self.numbers),
        )
        switched = tuple(
            without_score(layer.layer, LayerStatus.OFF, self.numbers)
            if layer.layer in layers_off
            else layer
            for layer in layers
        )
        worst = worst_severity(findings)
        cap = SCORE_MAX if worst is None else self.numbers.cap(worst)
        total = weighted_sum(switched)
        value = self.numbers.nothing_measured if total is None else total
        return TrustScore(
            value=min(value, cap),
            layers=with_cap(switched, findings, worst, cap),
            model=self.name,
            model_digest=self.digest,
        )


@cache
def _digest(name: str, numbers: RulesNumbers) -> Digest:
    return digest_of({"scorer": name, "numbers": numbers})


def weighted_sum(layers: tuple[LayerScore, ...]) -> int | None:
    """The weighted mean of the layers that have a score, rounded down; None where none has."""
    scored = [(layer.weight_percent, layer.score) for layer in layers if layer.score is not None]
    weight = sum(percent for percent, _ in scored)
    if weight == 0:
        return None
    return sum(percent * score for percent, score in scored) // weight


def worst_severity(findings: tuple[Finding, ...]) -> Severity | None:
    """The worst severity among `findings`."""
    return max((f.severity for f in findings), key=SEVERITY_RANK.__getitem__, default=None)


def with_cap(
    layers: tuple[LayerScore, ...], findings: tuple[Finding, ...], worst: Severity | None, cap: int
) -> tuple[LayerScore, ...]:
    """`layers` with a line in the worst finding's layer that says what caps the whole score."""
    if worst is None or cap == SCORE_MAX:
        return layers
    where = next(f.layer for f in findings if f.severity is worst)
    line = Contribution(
        code="cap",
        points=0,
        detail=f"A {worst.value} finding caps the whole score at {cap}.",
    )
    return tuple(
        replace(layer, contributions=(*layer.contributions, line))
        if layer.layer is where
        else layer
        for layer in layers
    )
