"""Plain measures: a number for each name, NaN where nobody looked."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from models.evidence import Evidence, Finding, Layer, Severity
from models.facts import Facts
from models.trust.plain import NAMES, vector_of
from tests.models.examples import evidence, facts, facts_strategy, finding, finding_strategy


def named(of: Evidence, told: Facts | None = None) -> dict[str, float]:
    return dict(zip(NAMES, vector_of(of, told), strict=True))


@given(st.lists(finding_strategy(), max_size=5), facts_strategy())
def test_vector_of__has_a_number_for_each_name(found: list[Finding], told: Facts | None) -> None:
    values = named(evidence(findings=tuple(found)), told)
    assert len(set(NAMES)) == len(NAMES)
    assert math.isnan(values["findings.reputation.high"]) is (told is None)
    assert not math.isnan(values["findings.behaviour.high"])


def test_vector_of__counts_what_is_charged_to_the_artifact() -> None:
    two = (finding(), finding(what="ssh-key"), finding(owner="pip"))
    assert named(evidence(findings=two))["findings.behaviour.high"] == 2.0
    told = facts(findings=(finding(layer=Layer.REPUTATION, severity=Severity.LOW),))
    assert named(evidence(), told)["findings.reputation.low"] == 1.0


def test_vector_of__a_layer_that_was_not_measured_is_no_zero() -> None:
    values = named(evidence(layers=(Layer.METADATA,)))
    assert math.isnan(values["findings.behaviour.high"])
    assert math.isnan(values["run.duration_ms"])
    assert values["findings.metadata.high"] == 0.0
