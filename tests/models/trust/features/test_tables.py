"""Features know every id, kind and pattern that the analyzer can tell."""

from __future__ import annotations

from analyzer.detectors.catalog import DETECTORS
from analyzer.flaws import FLAWS
from analyzer.patterns import PATTERNS
from analyzer.static.catalog import STATIC
from analyzer.static.result import Reach, Sink
from models.trust.features import archive, behaviour, static
from models.trust.features.catalog import FEATURES

OF_HANGS = {"direct-url-dependency", "direct-url-build-requirement"}


def test_static__has_a_feature_for_each_detector() -> None:
    assert sorted(static.DETECTORS) == sorted(STATIC)


def test_static__knows_every_reach_and_sink() -> None:
    assert tuple(reach for reach in Reach if reach is not Reach.NOTHING) == static.REACHES
    assert tuple(Sink) == static.SINKS


def test_archive__has_each_flaw_in_one_group() -> None:
    grouped = [name for ids, _ in archive.GROUPS.values() for name in ids]
    assert sorted(grouped) == sorted(FLAWS.keys() - OF_HANGS)


def test_behaviour__has_a_feature_for_each_detector() -> None:
    assert sorted(behaviour.DETECTORS) == sorted(one.definition.id for one in DETECTORS)


def test_behaviour__has_a_feature_for_each_pattern() -> None:
    names = {feature.name for feature in FEATURES}
    assert {f"pattern.{pattern.name}" for pattern in PATTERNS} <= names
