"""Hidden code, the metadata's shape, and names."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analyzer.inventory import ReaderReport
from analyzer.static.result import StaticReport
from models.trust.features.catalog import FEATURES
from models.trust.features.subject import Subject
from tests.models.trust.features.subjects import SDIST, WHEEL, read

assert SDIST.build is not None
UNSTATED = replace(SDIST, build=replace(SDIST.build, stated=False))
IN_TREE = replace(SDIST, build=replace(SDIST.build, in_tree=True))
MEASURES = {feature.name: feature.measure for feature in FEATURES}


def static(**numbers: int) -> ReaderReport:
    """A wheel whose static reading gave these numbers."""
    given = {"files": 1, "unparsed": 0, "entropy_milli": 0} | numbers
    return replace(WHEEL, static=StaticReport(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "report", "expected"),
    [
        ("shape.no_build_system", UNSTATED, 1),
        ("shape.no_build_system", SDIST, 0),
        ("shape.no_build_system", WHEEL, 0),
        ("shape.backend_in_tree", IN_TREE, 1),
        ("shape.backend_in_tree", WHEEL, 0),
        ("shape.no_requires_python", replace(WHEEL, requires_python=""), 1),
        ("shape.no_requires_python", WHEEL, 0),
        ("hidden.entropy", static(entropy_milli=5900), 5900),
        ("hidden.unparsed_share", static(files=4, unparsed=1), 0.25),
        ("hidden.unparsed_share", static(files=0, unparsed=0), 0),
        ("hidden.unparsed_share", replace(WHEEL, static=None), math.nan),
    ],
)
def test_measure__of_a_report(name: str, report: ReaderReport, expected: float) -> None:
    assert MEASURES[name](Subject.of(read(report))) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("demo-0.0.1.tar.gz", 1),
        ("demo-0.0-py3-none-any.whl", 1),
        ("demo-0.tar.gz", 1),
        ("demo-0.1.tar.gz", 0),
        ("demo-0.00.1.tar.gz", 1),
        ("demo-10.0.tar.gz", 0),
        ("nothing", math.nan),
    ],
)
def test_version_zero__is_told_by_the_filename(filename: str, expected: float) -> None:
    subject = Subject.of(replace(read(), filename=filename))
    assert MEASURES["shape.version_zero"](subject) == pytest.approx(expected, nan_ok=True)
