"""The report is one page that fetches nothing and says first what a sceptic would ask."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from models.research.metrics import Interval
from models.research.report import render_report, write_report
from models.research.results import Ceiling, Evaluation, Limits, View, Year
from tests.models.research import synthetic

FOUND = synthetic.evaluation()
PAGE = render_report(FOUND)


def _abstract(page: str) -> str:
    start = page.index('<div class="abstract">')
    return " ".join(page[start : page.index("</div>", start)].split())


def _words(page: str) -> str:
    return " ".join(page.split())


def _static(split: str, recall: Interval) -> Evaluation:
    scored = tuple(
        replace(
            one,
            measures=replace(
                one.measures, at=tuple(replace(at, recall=recall) for at in one.measures.at)
            ),
        )
        if (one.scorer, one.split, one.view) == ("learned", split, View.STATIC)
        else one
        for one in FOUND.scored
    )
    return replace(FOUND, scored=scored)


def test_render_report__fetches_nothing_and_is_the_same_again(tmp_path: Path) -> None:
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', PAGE) == []
    assert "@import" not in PAGE
    assert "<script" not in PAGE
    write_report(FOUND, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == PAGE


def test_render_report__holds_every_control_and_what_was_left_out() -> None:
    for one in FOUND.controls:
        assert one.name in PAGE
    assert "Cooldown" in PAGE
    assert FOUND.data_digest in PAGE


def test_render_report__a_broken_control_is_the_first_thing_said() -> None:
    risen = tuple(replace(one, rises=one.name == "tells only") for one in FOUND.controls)
    assert "Do not rest anything" not in PAGE
    assert "Do not rest anything" in _abstract(render_report(replace(FOUND, controls=risen)))


def test_render_report__claims_inflation_only_where_the_intervals_are_apart() -> None:
    low = _static("time", Interval(value=0.01, low=0.0, high=0.02))
    same = _static("time", Interval(value=0.5, low=0.0, high=1.0))
    assert "Only the second says" in _abstract(render_report(low))
    assert "cannot tell the two apart" in _abstract(render_report(same))


def test_render_report__says_where_a_simpler_learner_is_as_good() -> None:
    none = Interval(value=0.0, low=-0.1, high=0.1)
    sure = Interval(value=0.2, low=0.1, high=0.3)
    level = replace(FOUND, leads=tuple(replace(one, lead=none) for one in FOUND.leads))
    ahead = replace(FOUND, leads=tuple(replace(one, lead=sure) for one in FOUND.leads))
    assert "No advantage over" in _abstract(render_report(level))
    assert "No advantage over" not in render_report(ahead)


def test_render_report__each_edge_has_its_rate_and_says_whether_rows_bear_it_out() -> None:
    edges = FOUND.calibration.edges
    page = _words(PAGE)
    for edge, told in ((edges.e80, "read off the rows"), (edges.e60, "extrapolated")):
        assert f'<td class="n">{100 * edge.rate:.1f} %</td><td class="n">{edge.rows}</td>' in page
        assert told in page
    assert "extrapolated: fewer rows than 1 / rate" in page
    sure = replace(edges, e30=replace(edges.e30, extrapolated=False, rows=9000))
    sure = replace(sure, e60=replace(edges.e60, extrapolated=False))
    calm = replace(FOUND, calibration=replace(FOUND.calibration, edges=sure))
    assert "extrapolated" not in _words(render_report(calm))


def test_render_report__says_what_the_table_bounds_by_itself() -> None:
    limits = Limits(
        ceiling=Ceiling(grafts=264, alike=14),
        later=61,
        seen_before=11,
        years=(
            Year(year=2026, honest=500, malware=0),
            Year(year=2024, honest=51, malware=1071),
            Year(year=2023, honest=31, malware=490),
            *(Year(year=year, honest=2, malware=0) for year in range(2022, 2015, -1)),
        ),
    )
    page = _words(render_report(replace(FOUND, limits=limits)))
    assert "14 of 264 re-enactments (5.3 %) have exactly the behaviour" in page
    assert "Of the 61 later archives 11 have exactly the static vector" in page
    assert "500 of 596 honest artifacts with a day are releases of 2026" in page
    assert "and 500 are younger than all malware" in page
    assert "1,561 malicious archives are of 2023 to 2024" in page
    assert "2019 and before: 8 honest, 0 malicious)" in page


def test_render_report__wherever_the_hybrid_has_intervals_it_says_what_they_leave_out() -> None:
    captions = re.findall(r"<caption>(Table [345]\..*?)</caption>", _words(PAGE))
    assert len(captions) == 3
    assert all("makes the label" in one for one in captions)


def test_render_report__tables_are_numbered_in_their_order() -> None:
    numbers = [int(one) for one in re.findall(r"<caption>Table (\d+)\.", PAGE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_render_report__names_the_techniques_of_which_none_is_caught() -> None:
    first, *rest = FOUND.families
    missed = replace(FOUND, families=(replace(first, caught=0), *rest))
    assert re.search(rf"Of [^.]*{first.name}[^.]* not one", render_report(missed))
