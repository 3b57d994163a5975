"""The picture: well formed, inert, the same for the same tree, and every release is in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given

from analyzer.graph.joined import Standing
from analyzer.graph.layout import LABEL_CHARS_MAX, ROW, lay_out, shortened
from analyzer.graph.network import Network
from analyzer.graph.svg import Mark, mark_of, picture
from analyzer.graph.tree import DirectUrl, Unmet
from tests.analyzer.graph.examples import joined, network, tree_of
from tests.analyzer.graph.test_network import EDGES

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert(1)</script><image href="https://evil.test"/>\x00\x1b'
INERT = {"svg", "title", "desc", "style", "rect", "g", "path", "text", "tspan", "circle"}


def parsed(text: str) -> Element:
    return ET.fromstring(text)  # noqa: S314 - our own output; hostile only if we failed


def texts(root: Element) -> str:
    return "".join(root.itertext())


@given(EDGES)
def test_picture__is_well_formed_and_shows_every_release(edges: list[str]) -> None:
    value = joined(tree_of(*edges))
    drawn = picture(value)
    assert drawn == picture(value)
    shown = texts(parsed(drawn))
    assert all(f"{name} " in shown for name in Network.of(value).graph)


def test_picture__of_hostile_text_has_nothing_that_acts() -> None:
    tree = tree_of(
        "app > a",
        direct_urls=[DirectUrl(source="a", line=HOSTILE)],
        unmet=[Unmet(source="app", line=HOSTILE, why=HOSTILE)],
    )
    odd = tuple(replace(one, version=HOSTILE) for one in tree.releases)
    root = parsed(picture(joined(replace(tree, releases=odd)), title=HOSTILE))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= INERT
    for element in root.iter():
        assert not {key for key in element.attrib if key.startswith("on") or "href" in key}


def test_picture__says_in_words_what_is_bad() -> None:
    value = joined(
        tree_of("app > a", "a > x", "app > y"),
        x={"standing": Standing.REFUSED},
        y={"standing": Standing.HELD},
    )
    description = parsed(picture(value)).find(f"{SVG}desc")
    assert description is not None
    assert description.text == (
        "3 releases, the furthest 2 requirements away. Refused: app > a > x. "
        "Held or risky: app > y."
    )


@pytest.mark.parametrize(
    ("known", "mark"),
    [
        ({"standing": Standing.REFUSED}, Mark.BAD),
        ({"malicious": True, "standing": Standing.APPROVED}, Mark.BAD),
        ({"standing": Standing.HELD}, Mark.HELD),
        ({"standing": Standing.MONITORED}, Mark.WATCH),
        ({"standing": Standing.APPROVED}, Mark.GOOD),
        ({"standing": Standing.OVERRIDDEN}, Mark.GOOD),
        ({}, Mark.NONE),
    ],
)
def test_mark_of__a_release(known: dict[str, object], mark: Mark) -> None:
    shape = network(tree_of("app > x"), x=known)
    assert mark_of(shape.known["x"], None) is mark


def test_layout__of_200_releases_has_no_two_labels_in_one_place() -> None:
    edges = [f"app > d{number}" for number in range(40)]
    edges += [f"d{number % 40} > t{number}" for number in range(120)]
    edges += [f"t{number} > u{number}" for number in range(40)]
    shape = network(tree_of(*edges))
    labels = {name: f"{name} 1.0" for name in shape.graph}
    layout = lay_out(shape, labels)
    assert len(layout.spots) == 201
    for one, other in combinations(layout.spots.values(), 2):
        if one.x == other.x:
            assert abs(one.y - other.y) >= ROW - 1  # rounded each
        else:
            left, right = sorted((one, other), key=lambda spot: spot.x)
            assert left.x + left.width < right.x
    assert max(spot.y for spot in layout.spots.values()) < layout.height


def test_shortened__keeps_both_ends() -> None:
    long = "a" * 60 + "-z 1.0"
    assert len(shortened(long)) == LABEL_CHARS_MAX
    assert shortened(long).endswith("-z 1.0")
    assert shortened("short 1.0") == "short 1.0"
