"""The learned scorer: exact sums, caps that hold, layers that are off, artefacts that are not sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import digest_of_bytes
from models.decision import LayerScore, LayerStatus, TrustScore, TrustTier
from models.errors import ArtefactInvalid
from models.evidence import Evidence, Layer, Severity, Shortfall
from models.facts import Facts
from models.trust.columns import Columns
from models.trust.declared import DECLARED, Declared
from models.trust.learned import (
    ABOVE_RULES,
    NOTHING_MEASURED,
    REST,
    SHOWN_MAX,
    UNMEASURED,
    LearnedScorer,
    learned_digest,
)
from models.trust.numbers import RULES
from models.trust.rules import RulesScorer
from tests.models.examples import evidence, facts, facts_strategy, finding
from tests.models.trust.shelved import COLUMNS, FEATURES, NAME, card, model_text, put

SHORTFALLS = st.sets(st.sampled_from(Shortfall), max_size=2).map(tuple)
LAYERS = st.sets(st.sampled_from(Layer)).map(tuple)
FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from(["network-connect", "static-decode-exec", "module-name-taken", "mystery"]),
        st.sampled_from(Severity),
        layer=st.sampled_from(Layer),
    ),
    max_size=4,
).map(tuple)


WORTHLESS = Declared(
    project_age_days=(),
    project_age_unknown=0,
    release_age_days=(),
    release_age_unknown=0,
    release_count=(),
    release_count_unknown=0,
    popularity_rank=(),
    yanked=0,
    attestation_announced=0,
    attestation_verified=0,
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Evidence, Facts | None, tuple[Layer, ...]]:
    seen = evidence(findings=draw(FINDINGS), shortfalls=draw(SHORTFALLS), layers=draw(LAYERS))
    return seen, draw(facts_strategy()), draw(LAYERS)


@pytest.fixture(name="scorer", scope="session")
def _scorer(tmp_path_factory: pytest.TempPathFactory) -> LearnedScorer:
    folder = put(tmp_path_factory.mktemp("artefacts"))
    return LearnedScorer.load(folder, NAME, columns=COLUMNS)


def layer_of(score: TrustScore, layer: Layer) -> LayerScore:
    return next(one for one in score.layers if one.layer is layer)


def codes(layer: LayerScore) -> list[str]:
    return [one.code for one in layer.contributions]


@given(case=cases())
def test_score__base_and_layers_and_contributions_sum_to_the_whole(
    scorer: LearnedScorer, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    seen, known, off = case
    score = scorer.score(seen, known, layers_off=off)
    assert score.base_milli is not None
    assert score.risk_milli == score.base_milli + sum(one.risk_milli for one in score.layers)
    for layer in score.layers:
        assert layer.risk_milli == sum(one.risk_milli for one in layer.contributions)
        assert all(one.points == 0 for one in layer.contributions)


@given(case=cases())
def test_score__the_model_part_is_its_calibrated_margin_rounded(
    scorer: LearnedScorer, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    seen, known, off = case
    bare = replace(scorer, card=card(declared=WORTHLESS))
    score = bare.score(seen, known, layers_off=off)
    row = COLUMNS.row(COLUMNS.names, seen, known, frozenset(off))
    told = scorer.card
    risk = told.platt.slope * scorer.booster.margin(row) + told.platt.intercept + told.prior_shift
    assert score.risk_milli == round(1000 * risk)


@given(case=cases())
def test_score__no_finding_is_averaged_away(
    scorer: LearnedScorer, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    seen, known, off = case
    score = scorer.score(seen, known, layers_off=off)
    caps = [RULES.cap(found.severity) for found in seen.findings if found.layer not in off]
    assert 0 <= score.value <= min([100, *caps])


@given(case=cases())
def test_score__the_rules_are_never_outbid(
    scorer: LearnedScorer, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    seen, known, off = case
    score = scorer.score(seen, known, layers_off=off)
    rules = RulesScorer().score(seen, known, layers_off=off)
    assert score.value <= rules.value
    told = {code for layer in score.layers for code in codes(layer)}
    if ABOVE_RULES in told:
        assert score.value == rules.value


@given(case=cases())
def test_score__a_layer_has_one_where_it_is_known(
    scorer: LearnedScorer, case: tuple[Evidence, Facts | None, tuple[Layer, ...]]
) -> None:
    seen, known, off = case
    score = scorer.score(seen, known, layers_off=off)
    for layer in score.layers:
        unknown = layer.status in {LayerStatus.OFF, LayerStatus.MISSING}
        assert (layer.score is None) == unknown
        assert (layer.status is LayerStatus.OFF) == (layer.layer in off)


@given(project=st.integers(0, 2000), release=st.integers(0, 2000), count=st.integers(1, 50))
def test_score__what_is_clean_and_young_is_watched_and_not_lower(
    scorer: LearnedScorer, project: int, release: int, count: int
) -> None:
    known = facts(project_days=project, release_days=release, project_release_count=count)
    score = scorer.score(evidence(), known)
    assert layer_of(score, Layer.METADATA).score is not None
    young = project < 90 or release < 7
    assert score.tier is TrustTier.MONITOR if young else score.tier.rank >= TrustTier.MONITOR.rank


def test_score__what_is_clean_and_old_is_approved_and_what_is_bad_is_not(
    scorer: LearnedScorer,
) -> None:
    assert scorer.score(evidence(), facts()).tier is TrustTier.APPROVE
    bad = (
        finding("network-connect", Severity.CRITICAL),
        finding("static-decode-exec", Severity.CRITICAL, layer=Layer.METADATA),
    )
    score = scorer.score(evidence(findings=bad), facts())
    assert score.value <= RULES.cap(Severity.CRITICAL)
    assert score.risk_milli is not None
    assert score.risk_milli > (scorer.score(evidence(), facts()).risk_milli or 0)
    assert "cap" in codes(layer_of(score, Layer.BEHAVIOUR))


def test_score__a_layer_that_is_off_is_not_measured(scorer: LearnedScorer) -> None:
    seen = evidence(findings=(finding("network-connect", Severity.LOW),))
    on = scorer.score(seen, facts())
    off = scorer.score(seen, facts(), layers_off=(Layer.BEHAVIOUR,))
    assert "run.import_connects" in codes(layer_of(on, Layer.BEHAVIOUR))
    assert codes(layer_of(off, Layer.BEHAVIOUR)) == [UNMEASURED]
    row = COLUMNS.row(COLUMNS.names, seen, facts(), frozenset({Layer.BEHAVIOUR}))
    assert [math.isnan(value) for value in row] == [
        feature.layer is Layer.BEHAVIOUR for feature in FEATURES
    ]


def test_score__young_but_not_asked_for_is_not_watched(scorer: LearnedScorer) -> None:
    young = facts(project_days=10)
    assert scorer.score(evidence(), young).value <= 80
    assert scorer.score(evidence(), young, layers_off=(Layer.REPUTATION,)).value > 80


def test_score__what_nobody_looked_at_is_no_better_than_the_rules_say(
    scorer: LearnedScorer,
) -> None:
    score = scorer.score(evidence(layers=()), facts())
    assert score.value == RULES.nothing_measured
    assert NOTHING_MEASURED in codes(layer_of(score, Layer.METADATA))


def test_score__many_contributions_are_summed_up_in_a_rest(scorer: LearnedScorer) -> None:
    many = SHOWN_MAX + 3
    names = tuple(f"run.many_{number}" for number in range(many))
    features = tuple(replace(FEATURES[2], name=name) for name in names)
    columns = Columns(features=features, digest=COLUMNS.digest, measure=lambda *_: (1.0,) * many)
    wide = replace(scorer, card=card(features=names), columns=columns, booster=_Counting(many))
    layer = layer_of(wide.score(evidence(), facts()), Layer.BEHAVIOUR)
    assert codes(layer) == [*list(reversed(names))[:SHOWN_MAX], REST]
    assert layer.contributions[-1].risk_milli == pytest.approx(1100 * (1 + 2 + 3), abs=3)
    assert layer.contributions[-1].detail == "3 smaller contributions"


class _Counting:
    """A booster whose columns add one, two, three and so on."""

    def __init__(self, columns: int) -> None:
        self.parts = tuple(float(number) for number in range(1, columns + 1))

    def margin(self, _: Sequence[float]) -> float:
        return sum(self.parts)

    def contributions(self, _: Sequence[float]) -> tuple[float, ...]:
        return (*self.parts, 0.0)


def test_load__the_columns_of_the_model_must_be_those_of_its_card(tmp_path: Path) -> None:
    text = model_text().replace(
        b"feature_names=static.decode_exec names", b"feature_names=names.x names"
    )
    put(tmp_path, of=card(model_sha256=digest_of_bytes(text)), text=text)
    with pytest.raises(ArtefactInvalid, match="columns"):
        LearnedScorer.load(tmp_path, NAME, columns=COLUMNS)


def test_load__another_order_of_features_is_refused(tmp_path: Path) -> None:
    put(tmp_path, of=card(features=COLUMNS.names[::-1]))
    with pytest.raises(ArtefactInvalid, match="order"):
        LearnedScorer.load(tmp_path, NAME, columns=COLUMNS)


def test_load__a_card_of_other_digests_is_another_scorer(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, of in ((one, card()), (other, card(edges=(-4.0, -2.0, 1.5)))):
        folder.mkdir()
        put(folder, of=of)
    loaded = [LearnedScorer.load(folder, NAME, columns=COLUMNS) for folder in (one, other)]
    assert loaded[0].digest != loaded[1].digest


def test_digest__covers_card_model_and_caps() -> None:
    base = learned_digest(NAME, b"card", b"model")
    assert base == learned_digest(NAME, b"card", b"model")
    others = {
        learned_digest("other", b"card", b"model"),
        learned_digest(NAME, b"other", b"model"),
        learned_digest(NAME, b"card", b"other"),
        learned_digest(NAME, b"card", b"model", numbers=replace(RULES, nothing_measured=30)),
    }
    assert len(others | {base}) == 5
    assert DECLARED.lowest < 0
