"""Each feature says what its row in the table says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from analyzer.graph.features import FEATURES, SOURCE, features_of
from analyzer.graph.joined import Standing
from analyzer.graph.network import Network
from analyzer.graph.tree import DirectUrl, Unmet
from models.facts import FACT_SIGNALS_MAX
from tests.analyzer.graph.examples import network, tree_of
from tests.analyzer.graph.test_network import EDGES

BUSY = network(
    tree_of(
        "app > a",
        "app > b",
        "a > c",
        "b > c",
        "c > d",
        "d > c",
        ages={"d": 12, "b": 400},
        direct_urls=[DirectUrl(source="c", line="e @ https://e.test/e.whl")],
        unmet=[Unmet(source="b", line="f", why="none")],
        repositories={"a": "github.com/one/a", "d": "github.com/one/d"},
    ),
    added=["d"],
    a={"standing": Standing.APPROVED, "score": 93},
    b={"standing": Standing.HELD, "score": 41},
    c={"standing": Standing.REFUSED, "score": 12},
    d={"rank": None},
)


def values(shape: Network) -> dict[str, object]:
    return {signal.name: signal.value for signal in features_of(shape)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("releases", 4),
        ("direct", 2),
        ("transitive", 2),
        ("requirements", 6),
        ("depth", 3),
        ("chain", 2),
        ("fan_out", 2),
        ("circles", 1),
        ("youngest_release_days", 12),
        ("youngest_project_days", 12),
        ("unlisted", 1),
        ("least_score", 12),
        ("least_standing", "refused"),
        ("unjudged", 1),
        ("refused", 1),
        ("held", 1),
        ("added", 1),
        ("added_risk_milli", 459),
        ("direct_urls", 1),
        ("unmet", 1),
        ("undescribed", 0),
        ("cut", False),
        ("risk_milli", 900),
        ("riskiest", "c"),
        ("riskiest_depth", 2),
        ("riskiest_paths", 2),
        ("riskiest_makers_shared", 0),
        ("weakest_leaned_on", 3),
        ("makers", 1),
        ("makers_largest", 2),
    ],
)
def test_features__of_a_busy_tree(name: str, value: object) -> None:
    assert values(BUSY)[f"graph.{name}"] == value


def test_riskiest__shares_makers_with_others() -> None:
    shape = network(
        tree_of("app > a", "app > b", repositories={n: f"github.com/one/{n}" for n in "ab"}),
        b={"standing": Standing.HELD},
    )
    assert values(shape)["graph.riskiest_makers_shared"] == 1


def test_centrality__of_what_all_goes_through_is_high() -> None:
    shape = network(tree_of("app > x", "x > a", "x > b", "x > c"), x={"standing": Standing.REFUSED})
    assert values(shape)["graph.riskiest_centrality_milli"] == 250  # 3 of 4 x 3 ordered pairs


def test_features__of_nothing_are_zero_or_absent() -> None:
    told = values(network(tree_of()))
    assert told["graph.releases"] == told["graph.depth"] == told["graph.risk_milli"] == 0
    assert told["graph.youngest_project_days"] is None
    assert told["graph.riskiest"] is None
    assert told["graph.added"] is None


@given(EDGES)
def test_features__are_whole_and_never_floats(edges: list[str]) -> None:
    signals = features_of(network(tree_of(*edges), added=["a"]))
    assert [signal.name for signal in signals] == [feature.name for feature in FEATURES]
    for signal in signals:
        assert signal.source == SOURCE
        assert signal.value is None or isinstance(signal.value, int | str)


def test_table__has_one_row_for_each_name() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names) < FACT_SIGNALS_MAX
    assert all(re.fullmatch(r"graph\.[a-z_]+", name) for name in names)
