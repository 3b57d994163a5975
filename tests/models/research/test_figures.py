"""Figures are the same bytes for the same numbers, and stand side by side on one page."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from models.research.figures import draw
from tests.models.research import synthetic

FOUND = synthetic.evaluation()
DRAWN = draw(FOUND)


def test_draw__the_same_bytes_for_the_same_evaluation() -> None:
    assert draw(FOUND) == DRAWN


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_draw__is_svg_without_a_date_a_script_or_an_address_to_fetch(name: str) -> None:
    root = ET.fromstring(DRAWN[name])  # noqa: S314 - drawn here
    assert root.tag.endswith("svg")
    assert "<script" not in DRAWN[name]
    assert "<dc:date" not in DRAWN[name]
    fetched = re.findall(r'(?:href|src)="(?!#)([^"]*)"', DRAWN[name])
    assert fetched == []


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_draw__takes_every_colour_from_the_page(name: str) -> None:
    assert "currentColor" in DRAWN[name]
    painted = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", DRAWN[name]))
    assert painted <= {"#ffffff"}


def test_draw__ids_are_unique_on_a_page_and_all_that_is_referred_to_is_there() -> None:
    page = "".join(DRAWN.values())
    ids = Counter(re.findall(r' id="([^"]+)"', page))
    assert [one for one, times in ids.items() if times > 1] == []
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert referred <= set(ids)


def test_draw__leaves_out_a_figure_without_data() -> None:
    assert {"roc", "ablation", "families"} <= set(DRAWN)
    assert not {"ablation", "families"} & set(draw(replace(FOUND, ablation=(), families=())))
