"""The rules scorer: laws that hold for every input, and the bands that known cases land in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import LayerStatus, TrustScore, TrustTier
from models.evidence import Finding, Layer, Severity, Shortfall
from models.facts import Facts
from models.trust.numbers import RULES, Step
from models.trust.rules import RulesScorer, weighted_sum
from tests.models.examples import (
    evidence,
    facts,
    facts_strategy,
    finding,
    finding_strategy,
    ref,
)

SCORER = RulesScorer()
LAYER_SETS = st.lists(st.sampled_from(Layer), unique=True).map(tuple)
FINDINGS = st.lists(finding_strategy(), max_size=6).map(tuple)


def layer_of(score: TrustScore, layer: Layer) -> object:
    return next(item for item in score.layers if item.layer is layer)


@given(FINDINGS, finding_strategy(), facts_strategy(), LAYER_SETS, LAYER_SETS)
def test_score__a_finding_never_raises_it(
    before: tuple[Finding, ...],
    more: Finding,
    known: Facts | None,
    layers: tuple[Layer, ...],
    off: tuple[Layer, ...],
) -> None:
    without = SCORER.score(evidence(findings=before, layers=layers), known, layers_off=off)
    with_it = SCORER.score(evidence(findings=(*before, more), layers=layers), known, layers_off=off)
    assert with_it.value <= without.value


@given(FINDINGS, facts_strategy(), LAYER_SETS, LAYER_SETS)
def test_score__stays_in_bounds_and_is_the_sum_that_it_shows(
    findings: tuple[Finding, ...],
    known: Facts | None,
    layers: tuple[Layer, ...],
    off: tuple[Layer, ...],
) -> None:
    score = SCORER.score(evidence(findings=findings, layers=layers), known, layers_off=off)
    assert 0 <= score.value <= 100
    assert [layer.layer for layer in score.layers] == list(Layer)
    for layer in score.layers:
        if layer.score is None:
            assert layer.status in {LayerStatus.MISSING, LayerStatus.OFF}
        else:
            points = sum(item.points for item in layer.contributions)
            assert layer.score == min(max(points, 0), 100)
    total = weighted_sum(score.layers)
    assert score.value <= (RULES.nothing_measured if total is None else total)


@given(FINDINGS, facts_strategy())
def test_score__does_not_depend_on_the_order_of_findings(
    findings: tuple[Finding, ...], known: Facts | None
) -> None:
    assert SCORER.score(evidence(findings=findings), known) == SCORER.score(
        evidence(findings=findings[::-1]), known
    )


@pytest.mark.parametrize(
    ("known", "tier"),
    [
        pytest.param(facts(), TrustTier.APPROVE, id="established"),
        pytest.param(facts(project_days=366, release_days=8), TrustTier.APPROVE, id="a year old"),
        pytest.param(
            facts(project_days=366, release_days=8, project_release_count=1),
            TrustTier.APPROVE,
            id="a year old with one release",
        ),
        pytest.param(facts(release_days=2), TrustTier.MONITOR, id="fresh release, old project"),
        pytest.param(facts(release_days=0, popularity_rank=1), TrustTier.MONITOR, id="hijackable"),
        pytest.param(
            facts(project_days=0, release_days=0, project_release_count=1),
            TrustTier.MONITOR,
            id="brand-new",
        ),
        pytest.param(
            facts(project_days=0, release_days=0, project_release_count=1, attested=True),
            TrustTier.MONITOR,
            id="brand-new with an announced attestation",
        ),
        pytest.param(facts(project_days=89, release_days=30), TrustTier.MONITOR, id="89 days old"),
        pytest.param(facts(project_days=90, release_days=30), TrustTier.APPROVE, id="90 days old"),
        pytest.param(facts(project_days=None, release_days=None), TrustTier.MONITOR, id="no dates"),
        pytest.param(facts(project_days=5000, release_days=7), TrustTier.APPROVE, id="a week"),
        pytest.param(
            facts(project_days=5000, release_days=6.9), TrustTier.MONITOR, id="not a week"
        ),
    ],
)
def test_score__a_clean_artifact_lands_by_its_age(known: Facts, tier: TrustTier) -> None:
    assert SCORER.score(evidence(), known).tier is tier


@pytest.mark.parametrize(
    ("severity", "value", "tier"),
    [
        (Severity.CRITICAL, 45, TrustTier.QUARANTINE),
        (Severity.HIGH, 58, TrustTier.QUARANTINE),
        (Severity.MEDIUM, 80, TrustTier.MONITOR),
        (Severity.LOW, 92, TrustTier.APPROVE),
        (Severity.INFO, 95, TrustTier.APPROVE),
    ],
)
def test_score__the_worst_finding_caps_an_established_project(
    severity: Severity, value: int, tier: TrustTier
) -> None:
    famous = facts(popularity_rank=1)
    found = finding(severity=severity, layer=Layer.METADATA)
    if severity is Severity.LOW:
        found = finding(severity=severity)
    score = SCORER.score(evidence(findings=(found,)), famous)
    assert (score.value, score.tier) == (value, tier)


def test_score__many_critical_findings_without_proof_may_fall_to_the_lowest_band() -> None:
    many = tuple(finding("reverse-shell", Severity.CRITICAL, what=w) for w in ("ssh-key", "netrc"))
    read = tuple(replace(item, layer=Layer.METADATA) for item in many)
    score = SCORER.score(evidence(findings=(*many, *read)), facts(project_days=0, release_days=0))
    assert score.tier is TrustTier.BLOCK


def test_score__is_rounded_down() -> None:
    # 20*100 + 45*100 + 15*70 + 20*90 = 9350: 93.5 points.
    score = SCORER.score(evidence(), facts())
    assert score.value == 93


def test_score__one_fact_counts_once_and_three_objects_three_times_but_no_more() -> None:
    def value(*objects: str) -> int:
        found = tuple(finding(severity=Severity.LOW, what=what) for what in objects)
        return SCORER.score(evidence(findings=found), facts()).value

    assert value("a") == value("a", "a", "a")
    assert value("a") > value("a", "b") > value("a", "b", "c") == value("a", "b", "c", "d", "e")


def test_score__small_things_alone_never_end_in_quarantine() -> None:
    ids = ("denied-calls", "exec-process", "writes-outside", "dns-lookup")
    found = tuple(finding(i, Severity.LOW, what=what) for i in ids for what in ("a", "b", "c"))
    score = SCORER.score(evidence(findings=found[:9]), facts())
    assert score.tier is TrustTier.MONITOR


@pytest.mark.parametrize(
    ("owner", "charged"), [("", True), ("demo", True), ("Demo", True), ("pip", False)]
)
def test_score__only_the_artifacts_own_findings_are_charged(owner: str, charged: bool) -> None:
    score = SCORER.score(evidence(findings=(finding(owner=owner),)), facts())
    assert (score.value < 93) is charged


def test_score__a_missing_layer_is_marked_and_shares_its_weight() -> None:
    score = SCORER.score(evidence(layers=(Layer.METADATA,)), facts())
    behaviour = next(item for item in score.layers if item.layer is Layer.BEHAVIOUR)
    assert (behaviour.status, behaviour.score) == (LayerStatus.MISSING, None)
    # (20*100 + 15*70 + 20*90) / 55 = 88.18
    assert score.value == 88


def test_score__without_facts_reputation_and_provenance_are_missing_not_clean() -> None:
    score = SCORER.score(evidence(), None)
    missing = [item.layer for item in score.layers if item.status is LayerStatus.MISSING]
    assert missing == [Layer.PROVENANCE, Layer.REPUTATION]


def test_score__without_a_page_nothing_could_be_asked() -> None:
    known = facts(project_days=None, release_days=None, missing=("page",))
    score = SCORER.score(evidence(), known)
    missing = [item.layer for item in score.layers if item.status is LayerStatus.MISSING]
    assert missing == [Layer.PROVENANCE, Layer.REPUTATION]


def test_score__no_attestation_is_absent_and_could_not_ask_is_missing() -> None:
    def status(known: Facts) -> LayerStatus:
        score = SCORER.score(evidence(), known)
        return next(i.status for i in score.layers if i.layer is Layer.PROVENANCE)

    assert status(facts(attested=False)) is LayerStatus.ABSENT
    assert status(facts(attested=None)) is LayerStatus.ABSENT
    assert status(facts(attested=True)) is LayerStatus.MEASURED
    assert status(facts(attested=None, missing=("attested",))) is LayerStatus.MISSING


def test_score__a_layer_switched_off_has_no_score() -> None:
    score = SCORER.score(evidence(), facts(), layers_off=(Layer.BEHAVIOUR,))
    behaviour = next(item for item in score.layers if item.layer is Layer.BEHAVIOUR)
    assert (behaviour.status, behaviour.score) == (LayerStatus.OFF, None)


def test_score__where_nothing_was_measured_it_is_the_bottom_of_quarantine() -> None:
    score = SCORER.score(evidence(layers=()), None)
    assert (score.value, score.tier) == (31, TrustTier.QUARANTINE)


def test_score__a_run_cut_short_is_incomplete() -> None:
    score = SCORER.score(evidence(shortfalls=(Shortfall.TIMED_OUT,)), facts())
    statuses = {item.layer: item.status for item in score.layers}
    assert statuses[Layer.BEHAVIOUR] is LayerStatus.INCOMPLETE
    assert statuses[Layer.METADATA] is LayerStatus.MEASURED


def test_score__says_what_capped_it() -> None:
    score = SCORER.score(evidence(findings=(finding(),)), facts())
    behaviour = next(item for item in score.layers if item.layer is Layer.BEHAVIOUR)
    assert "A high finding caps the whole score at 58." in [
        item.detail for item in behaviour.contributions
    ]


def test_score__words_of_the_package_never_reach_the_contributions() -> None:
    found = finding("never-heard-of", what="evil words", title="evil title")
    score = SCORER.score(evidence(findings=(found,)), facts())
    details = " ".join(item.detail for layer in score.layers for item in layer.contributions)
    assert "evil" not in details


def test_digest__covers_every_number() -> None:
    assert RulesScorer().digest == SCORER.digest
    for changed in (
        replace(RULES, provenance_absent=71),
        replace(RULES, release_age_days=(Step(below=8, points=-80),)),
        replace(RULES, weights=RULES.weights[::-1]),
        replace(RULES, objects_counted=4),
        replace(RULES, provenance_verified=21),
        replace(RULES, revision=99),
    ):
        assert RulesScorer(changed).digest != SCORER.digest


def test_numbers__weights_are_percent() -> None:
    assert sum(percent for _, percent in RULES.weights) == 100
    assert {layer for layer, _ in RULES.weights} == set(Layer)


def test_score__knows_the_artifacts_name_from_its_filename() -> None:
    sdist = ref("demo-2.0.tar.gz")
    mine = evidence(sdist, findings=(finding(owner="demo"),))
    theirs = evidence(sdist, findings=(finding(owner="other"),))
    assert SCORER.score(mine, facts()).value < SCORER.score(theirs, facts()).value
