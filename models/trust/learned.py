"""The learned scorer: LightGBM's log-odds, calibrated, with declared facts, never above the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from models.canonical import Digest, digest_of, digest_of_bytes
from models.decision import Contribution, LayerScore, LayerStatus, TrustScore
from models.errors import ArtefactInvalid
from models.evidence import Evidence, Finding, Layer
from models.facts import Facts
from models.trust.card import NEXT_STEP, Card, check_features, read_artefact
from models.trust.columns import Columns, shipped_columns
from models.trust.declared import WATCHED_SCORE_MAX, declared_contributions, watched
from models.trust.features.feature import Feature
from models.trust.findings import distinct, own_findings
from models.trust.layers import (
    behaviour_layer,
    metadata_layer,
    provenance_layer,
    reputation_layer,
)
from models.trust.numbers import RULES, SCORE_MAX, RulesNumbers
from models.trust.rules import RulesScorer, with_cap, worst_severity
from models.trust.scale import Scale
from models.trust.shares import apportioned

REVISION = 2
"""Part of every learned scorer's digest. It rises when the arithmetic around the model changes."""
SHOWN_MAX = 8
"""Contributions of one layer that a score names; the smaller ones are summed up in `REST`."""
REST = "rest"
UNMEASURED = "unmeasured"
"""What features without a value add: not known is not the same as nothing."""
NOTHING_MEASURED = "nothing-measured"
ABOVE_RULES = "above-rules"
"""The score is that of the rules: the model would have trusted it more than they do."""
_SEEN = (Layer.METADATA, Layer.BEHAVIOUR)
"""Layers that look at the artifact itself."""


class Predictor(Protocol):
    """What is asked of a booster (`models.trust.booster.Booster`)."""

    def margin(self, row: Sequence[float]) -> float:
        """The raw margin of one row."""

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        """What each column adds to it, and the base they start from last."""


@dataclass(frozen=True, slots=True)
class LearnedScorer:
    """Pure: margins become log-odds, log-odds a score, and the score is at most what the rules give.

    What no sample taught the model, the rules may know; what slips through the rules, the model may.
    Trust needs both (docs/decisions/0022).
    """

    card: Card
    digest: Digest
    booster: Predictor
    columns: Columns
    numbers: RulesNumbers = RULES
    """Of the rules: for the statuses of layers, for caps, and for the score that is never exceeded."""

    @classmethod
    def load(cls, folder: Path, name: str, *, columns: Columns | None = None) -> LearnedScorer:
        """The model called `name` in `folder`. Raises ArtefactInvalid where anything does not fit."""
        from models.trust.booster import Booster  # noqa: PLC0415 - only a judge loads LightGBM

        card, stated, text = checked_artefact(folder, name, columns=columns)
        booster = Booster(text, name=name)
        if booster.features != card.features:
            raise ArtefactInvalid(
                f"The columns of the model {name} are not those of its card.", next_step=NEXT_STEP
            )
        return cls(
            card=card,
            digest=learned_digest(name, stated, text),
            booster=booster,
            columns=columns or shipped_columns(),
        )

    @property
    def name(self) -> str:
        """The artefact's name."""
        return self.card.name

    def score(
        self, evidence: Evidence, facts: Facts | None, *, layers_off: tuple[Layer, ...] = ()
    ) -> TrustScore:
        """The score of one artifact."""
        off = frozenset(layers_off)
        own = tuple(f for f in own_findings(evidence, facts) if f.layer not in off)
        findings = distinct(own, objects_max=self.numbers.objects_counted)
        statuses = self._statuses(evidence, facts, off)
        base, moved, told = self._learned(evidence, facts, off)
        scale = self.card.scale_milli
        known = frozenset(layer for layer, status in statuses.items() if has_score(status))
        declared = declared_contributions(
            facts, known, self.card.declared, highest=_room_of_monitor(scale)
        )
        layers = tuple(
            _layer(layer, statuses[layer], moved[layer] + declared.get(layer, ()), base, scale)
            for layer in Layer
        )
        risk = base + sum(layer.risk_milli for layer in layers)
        value, capped = self._capped(scale.score(risk), layers, told, findings, facts)
        rules = RulesScorer(self.numbers).score(evidence, facts, layers_off=layers_off).value
        if rules < value:
            value, capped = rules, _with_rules(capped, findings, rules)
        return TrustScore(
            value=value,
            layers=capped,
            model=self.name,
            model_digest=self.digest,
            risk_milli=risk,
            base_milli=base,
            edges_milli=tuple(int(edge) for edge in scale.edges),
        )

    def _statuses(
        self, evidence: Evidence, facts: Facts | None, off: frozenset[Layer]
    ) -> dict[Layer, LayerStatus]:
        scored = (
            metadata_layer(evidence, (), self.numbers),
            behaviour_layer(evidence, (), self.numbers),
            provenance_layer(facts, (), self.numbers),
            reputation_layer(facts, (), self.numbers),
        )
        return {one.layer: LayerStatus.OFF if one.layer in off else one.status for one in scored}

    def _learned(
        self, evidence: Evidence, facts: Facts | None, off: frozenset[Layer]
    ) -> tuple[int, dict[Layer, tuple[Contribution, ...]], frozenset[Layer]]:
        """The base, and every layer's contributions that the model makes, in thousandths of log-odds.

        Last come the layers of which anything was measured: evidence that names a layer and holds
        nothing of it is no knowledge.
        """
        row = self.columns.row(self.card.features, evidence, facts, off)
        margin = self.booster.margin(row)
        platt = self.card.platt
        risk = platt.slope * margin + platt.intercept + self.card.prior_shift
        parts = [1000 * platt.slope * part for part in self.booster.contributions(row)[:-1]]
        whole = round(1000 * risk)
        base, *moved = apportioned((whole - math.fsum(parts), *parts), whole)
        by_name = {feature.name: feature for feature in self.columns.features}
        features = [by_name[name] for name in self.card.features]
        lines: dict[Layer, list[tuple[Feature, float, int]]] = {layer: [] for layer in Layer}
        for feature, value, milli in zip(features, row, moved, strict=True):
            lines[feature.layer].append((feature, value, milli))
        told = frozenset(
            feature.layer
            for feature, value in zip(features, row, strict=True)
            if not math.isnan(value)
        )
        return base, {layer: _contributions(some) for layer, some in lines.items()}, told

    def _capped(
        self,
        value: int,
        layers: tuple[LayerScore, ...],
        told: frozenset[Layer],
        findings: tuple[Finding, ...],
        facts: Facts | None,
    ) -> tuple[int, tuple[LayerScore, ...]]:
        worst = worst_severity(findings)
        cap = SCORE_MAX if worst is None else self.numbers.cap(worst)
        capped = with_cap(layers, findings, worst, cap)
        by_layer = {layer.layer: layer for layer in layers}
        code, sentence = watched(facts, self.card.declared)
        if code and by_layer[Layer.REPUTATION].score is not None:
            cap = min(cap, WATCHED_SCORE_MAX)
            capped = _with_line(capped, Layer.REPUTATION, code, sentence)
        if all(by_layer[layer].score is None or layer not in told for layer in _SEEN):
            cap = min(cap, self.numbers.nothing_measured)
            sentence = "Nothing of the file itself is known, and ignorance proves nothing."
            capped = _with_line(capped, Layer.METADATA, NOTHING_MEASURED, sentence)
        return min(value, cap), capped


def checked_artefact(
    folder: Path, name: str, *, columns: Columns | None = None
) -> tuple[Card, bytes, bytes]:
    """Card, its bytes, and the model's, with every digest compared; LightGBM is not asked.

    Raises ArtefactInvalid.
    """
    card, stated, text = read_artefact(folder, name)
    known = columns or shipped_columns()
    check_features(card, learned=known.names, digest=known.digest)
    return card, stated, text


def learned_digest(
    name: str, card: bytes, model: bytes, *, numbers: RulesNumbers = RULES
) -> Digest:
    """The digest of a learned scorer: its files (declared numbers stand in the card), and the caps."""
    return digest_of(
        {
            "scorer": name,
            "revision": REVISION,
            "card": digest_of_bytes(card),
            "model": digest_of_bytes(model),
            "rules": numbers,
        }
    )


def has_score(status: LayerStatus) -> bool:
    """Whether a layer of that status has a score."""
    return status not in {LayerStatus.MISSING, LayerStatus.OFF}


def value_words(value: float, unit: str) -> str:
    """A feature's value as a contribution tells it: `count 3`."""
    return f"{unit} {value:g}"


def _contributions(lines: list[tuple[Feature, float, int]]) -> tuple[Contribution, ...]:
    """The largest contributions by name; the others, and what was not measured, as sums."""
    measured = [line for line in lines if not math.isnan(line[1]) and line[2]]
    ranked = sorted(measured, key=lambda line: -abs(line[2]))
    unmeasured = sum(milli for _, value, milli in lines if math.isnan(value))
    rest = sum(milli for _, _, milli in ranked[SHOWN_MAX:])
    shown = [
        Contribution(
            code=feature.name,
            points=0,
            detail=value_words(value, feature.unit),
            risk_milli=milli,
        )
        for feature, value, milli in ranked[:SHOWN_MAX]
    ]
    if unmeasured:
        shown.append(Contribution(code=UNMEASURED, points=0, risk_milli=unmeasured))
    if len(ranked) > SHOWN_MAX:
        smaller = f"{len(ranked) - SHOWN_MAX} smaller contributions"
        shown.append(Contribution(code=REST, points=0, detail=smaller, risk_milli=rest))
    return tuple(shown)


def _layer(
    layer: Layer,
    status: LayerStatus,
    contributions: tuple[Contribution, ...],
    base: int,
    scale: Scale,
) -> LayerScore:
    risk = sum(one.risk_milli for one in contributions)
    return LayerScore(
        layer=layer,
        status=status,
        score=scale.score(base + risk) if has_score(status) else None,
        weight_percent=0,
        contributions=contributions,
        risk_milli=risk,
    )


def _with_line(
    layers: tuple[LayerScore, ...], where: Layer, code: str, detail: str
) -> tuple[LayerScore, ...]:
    line = Contribution(code=code, points=0, detail=detail)
    return tuple(
        replace(layer, contributions=(*layer.contributions, line))
        if layer.layer is where
        else layer
        for layer in layers
    )


def _with_rules(
    layers: tuple[LayerScore, ...], findings: tuple[Finding, ...], value: int
) -> tuple[LayerScore, ...]:
    """`layers` with a line, beside the worst finding, that says whose score it is."""
    worst = worst_severity(findings)
    where = next((f.layer for f in findings if f.severity is worst), Layer.METADATA)
    return _with_line(layers, where, ABOVE_RULES, f"The rules give {value}, and no model more.")


def _room_of_monitor(scale: Scale) -> int:
    """The width of MONITOR: what facts may add without taking a clean file below it."""
    first, middle, _ = scale.edges
    return int(middle - first)
