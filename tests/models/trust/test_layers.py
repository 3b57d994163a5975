"""The provenance layer: verified earns, unverifiable is missing, and absent stays neutral."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.decision import LayerScore, LayerStatus
from models.evidence import Finding, Layer, Severity
from models.facts import Facts, FactSignal, Source, SourceState
from models.trust.layers import PROVENANCE_SOURCE, VERIFIED_SIGNAL
from models.trust.rules import RulesScorer
from tests.models.examples import evidence, facts, finding


def told(
    state: SourceState, *, verified: bool | None = None, findings: tuple[Finding, ...] = ()
) -> Facts:
    signals: tuple[FactSignal, ...] = ()
    if verified is not None:
        signals = (
            FactSignal(
                name=VERIFIED_SIGNAL,
                layer=Layer.PROVENANCE,
                value=verified,
                source=PROVENANCE_SOURCE,
                live_only=True,
            ),
        )
    source = Source(name=PROVENANCE_SOURCE, layer=Layer.PROVENANCE, state=state)
    known = facts(attested=state is not SourceState.ABSENT)
    return replace(known, sources=(source,), signals=signals, findings=findings)


def layer(known: Facts) -> LayerScore:
    scored = RulesScorer().score(evidence(), known)
    return next(one for one in scored.layers if one.layer is Layer.PROVENANCE)


INVALID = finding("attestation-invalid", Severity.HIGH, layer=Layer.PROVENANCE, phase=None)


@pytest.mark.parametrize(
    ("known", "status", "score"),
    [
        pytest.param(told(SourceState.MEASURED, verified=True), "measured", 90, id="verified"),
        pytest.param(
            told(SourceState.MEASURED, verified=False, findings=(INVALID,)),
            "measured",
            20,
            id="does not hold",
        ),
        pytest.param(told(SourceState.ABSENT), "absent", 70, id="none announced"),
        pytest.param(told(SourceState.MISSING), "missing", None, id="cannot be verified"),
        pytest.param(told(SourceState.OFF), "off", None, id="not wanted"),
        pytest.param(facts(attested=True), "measured", 80, id="announced, nobody asked"),
        pytest.param(facts(attested=False), "absent", 70, id="nobody asked"),
    ],
)
def test_provenance_layer__by_what_the_source_said(
    known: Facts, status: str, score: int | None
) -> None:
    scored = layer(known)
    assert (scored.status, scored.score) == (LayerStatus(status), score)


def test_provenance_layer__verified_wins_over_announced_over_absent_over_refuted() -> None:
    order = [
        told(SourceState.MEASURED, verified=True),
        facts(attested=True),
        told(SourceState.ABSENT),
        told(SourceState.MEASURED, verified=False, findings=(INVALID,)),
    ]
    scores = [RulesScorer().score(evidence(), known).value for known in order]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_provenance_layer__a_word_that_it_was_verified_counts_only_where_it_was_measured() -> None:
    assert layer(told(SourceState.ABSENT, verified=True)).score == 70
    assert layer(told(SourceState.MISSING, verified=True)).score is None


def test_provenance_layer__a_refuted_attestation_ends_in_quarantine() -> None:
    known = told(SourceState.MEASURED, verified=False, findings=(INVALID,))
    assert RulesScorer().score(evidence(), known).value <= 58
