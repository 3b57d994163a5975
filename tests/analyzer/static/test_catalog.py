"""Every static detector, by what it matches and by an honest twin that it lets pass."""

from __future__ import annotations

import pytest

from analyzer.static.catalog import DETECTORS, STATIC
from analyzer.static.result import Reach, StaticReport
from tests.analyzer.static.cases import CASES, Case
from tests.analyzer.static.reading import found, ids, read, setup_py

ELSEWHERE = {"static-hull", "static-probe-version"}


def _read(case: Case, text: str | bytes) -> StaticReport:
    if case.path.endswith(".pth"):
        data = text if isinstance(text, bytes) else text.encode()
        return read({"reenact/__init__.py": ""}, hooks=((case.path, data),))
    return setup_py(text) if case.path == "setup.py" else read({case.path: text})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_detectors__each_matches_its_case_with_its_reach(case: Case) -> None:
    assert (case.id, case.reach) in found(_read(case, case.match))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_detectors__each_lets_the_honest_twin_pass(case: Case) -> None:
    assert case.id not in ids(_read(case, case.twin))


def test_detectors__each_has_a_case() -> None:
    assert {case.id for case in CASES} | ELSEWHERE == {detector.id for detector in DETECTORS}


@pytest.mark.parametrize("identity", STATIC)
def test_catalog__what_nothing_reaches_is_info_and_no_less_eager_reach_weighs_more(
    identity: str,
) -> None:
    order = ("info", "low", "medium", "high", "critical")
    levels = STATIC[identity].levels
    rank = {reach: order.index(levels.get(reach, "info")) for reach in Reach}

    assert rank[Reach.NOTHING] == 0
    assert rank[Reach.IMPORT] >= rank[Reach.MODULE] >= rank[Reach.CALL] or not rank[Reach.IMPORT]
    assert STATIC[identity].rationale
