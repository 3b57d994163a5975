"""Own risks add up as chances do, and lose a tenth for each hop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.graph.joined import KnownFinding, Standing
from analyzer.graph.network import Network
from analyzer.graph.risk import FULL, PARTS, RISKY, own_risk, own_risks, reaching_root
from models.evidence import Severity
from tests.analyzer.graph.examples import OLD_DAYS, network, tree_of

HIGH = KnownFinding(id="some", severity=Severity.HIGH)
MEDIUM = KnownFinding(id="some", severity=Severity.MEDIUM)


def one(age: int = OLD_DAYS, **known: Any) -> Network:
    return network(tree_of("app > x", ages={"x": age}), x=known)


@pytest.mark.parametrize(
    ("age", "known", "parts"),
    [
        (OLD_DAYS, {}, ("unjudged",)),
        (OLD_DAYS, {"standing": Standing.APPROVED}, ()),
        (OLD_DAYS, {"standing": Standing.MONITORED}, ("monitored",)),
        (OLD_DAYS, {"standing": Standing.HELD}, ("held",)),
        (OLD_DAYS, {"standing": Standing.REFUSED}, ("refused",)),
        (OLD_DAYS, {"malicious": True}, ("malicious", "unjudged")),
        (OLD_DAYS, {"rank": None}, ("unlisted", "unjudged")),
        (6, {"rank": None}, ("brand-new", "unlisted", "unjudged")),
        (7, {"rank": None}, ("young", "unlisted", "unjudged")),
        (29, {"rank": None}, ("young", "unlisted", "unjudged")),
        (30, {"rank": None}, ("unlisted", "unjudged")),
        (3, {}, ("unjudged",)),
        (OLD_DAYS, {"confusable_with": "y"}, ("unjudged",)),
        (OLD_DAYS, {"confusable_with": "y", "rank": None}, ("confusable", "unlisted", "unjudged")),
        (OLD_DAYS, {"findings": (MEDIUM, HIGH)}, ("finding-high", "unjudged")),
        (OLD_DAYS, {"findings": (MEDIUM,)}, ("finding-medium", "unjudged")),
        (OLD_DAYS, {"owner_changed": True}, ("owner-changed", "unjudged")),
        (2, {"rank": None, "standing": Standing.OVERRIDDEN}, ()),
        (2, {"malicious": True, "standing": Standing.OVERRIDDEN}, ("malicious",)),
    ],
)
def test_own_risk__has_these_parts(age: int, known: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert own_risk(one(age, **known), "x").parts == parts


@pytest.mark.parametrize(
    ("age", "known", "risky"),
    [
        (3, {"rank": None}, True),
        (20, {"rank": None}, False),
        (20, {"rank": None, "confusable_with": "y"}, True),
        (3, {"rank": None, "standing": Standing.APPROVED}, False),
        (OLD_DAYS, {"standing": Standing.HELD}, True),
        (OLD_DAYS, {"rank": None}, False),
        (OLD_DAYS, {"rank": None, "owner_changed": True}, False),
    ],
)
def test_own_risk__is_risky_where_one_grave_thing_or_several_meet(
    age: int, known: dict[str, Any], risky: bool
) -> None:
    assert (own_risk(one(age, **known), "x").milli >= RISKY) is risky


def test_own_risk__parts_add_up_as_chances_do() -> None:
    known = one(10, rank=None)
    expected = FULL
    for part in own_risk(known, "x").parts:
        expected = expected * (FULL - PARTS[part].milli) // FULL
    assert own_risk(known, "x").milli == FULL - expected == 459


@given(st.permutations(list(Standing)), st.integers(0, 100), st.booleans())
def test_own_risk__stays_within_its_bounds(order: list[Standing], age: int, odd: bool) -> None:
    known = one(age, rank=None, standing=order[0], malicious=odd, findings=(HIGH,))
    assert 0 <= own_risk(known, "x").milli <= FULL


def test_reaching_root__loses_a_tenth_for_each_hop_over_the_shortest_path() -> None:
    refused = {"standing": Standing.REFUSED}
    far = network(tree_of("app > a", "a > b", "b > x"), x=refused)
    assert reaching_root(far, own_risks(far))["x"] == 810
    near = network(tree_of("app > a", "a > b", "b > x", "a > x"), x=refused)
    assert reaching_root(near, own_risks(near))["x"] == 900
    direct = network(tree_of("app > x"), x=refused)
    assert reaching_root(direct, own_risks(direct))["x"] == FULL
