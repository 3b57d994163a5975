"""Every technique is seen by some detector, or it is said why none can."""

from __future__ import annotations

import pytest

from analyzer.detectors.catalog import DETECTORS
from analyzer.detectors.techniques import NOT_SEEN, TECHNIQUES

NAMED = {name for detector in DETECTORS for name in detector.definition.techniques}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_techniques__each_is_seen_or_said_not_to_be(technique: str) -> None:
    assert (technique in NAMED) is not (technique in NOT_SEEN)


def test_techniques__they_are_t01_to_t34_and_two_more() -> None:
    numbered = {f"T{number:02}" for number in range(1, 35)}

    assert TECHNIQUES.keys() == numbered | {"T03b", "T06b"}


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda item: item.definition.id)
def test_definition__names_techniques_of_the_list(detector: object) -> None:
    techniques = detector.definition.techniques  # type: ignore[attr-defined]  # a Detector

    assert techniques
    assert set(techniques) <= TECHNIQUES.keys()


@pytest.mark.parametrize("reason", NOT_SEEN.values())
def test_not_seen__gives_a_reason(reason: str) -> None:
    assert len(reason) > 40
    assert reason.endswith(".")
