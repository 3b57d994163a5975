"""Each finding, with what it must match and what comes close to it."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.graph.findings import (
    DEFINITIONS,
    FINDINGS_MAX,
    PATH_CHARS_MAX,
    findings_of,
    path_words,
)
from analyzer.graph.joined import KnownFinding, Standing
from models.evidence import Layer, Severity
from tests.analyzer.graph.examples import OLD_DAYS, network, tree_of

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
GRAVE = KnownFinding(id="some", severity=HIGH)
UNLISTED: dict[str, Any] = {"rank": None}


def found(
    *,
    age: int = OLD_DAYS,
    new: bool = False,
    root: dict[str, Any] | None = None,
    root_age: int = OLD_DAYS,
    **known: Any,
) -> list[tuple[str, Severity]]:
    shape = network(
        tree_of("app > a", "a > x", ages={"x": age, "app": root_age}),
        added=["x"] if new else [],
        app=root or {},
        x=known,
    )
    return [(one.id, one.severity) for one in findings_of(shape)]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, []),
        ({"new": True}, []),
        ({"new": True, **UNLISTED}, []),
        ({"standing": Standing.APPROVED, "age": 2, "new": True, **UNLISTED}, []),
        ({"standing": Standing.OVERRIDDEN, "age": 2, "new": True, **UNLISTED}, []),
        ({"standing": Standing.MONITORED, "new": True}, []),
        # refused
        ({"standing": Standing.REFUSED}, [("dependency-refused", HIGH)]),
        ({"standing": Standing.REFUSED, "new": True, "age": 2}, [("dependency-refused", HIGH)]),
        ({"malicious": True}, [("dependency-refused", HIGH)]),
        ({"malicious": True, "standing": Standing.OVERRIDDEN}, [("dependency-refused", HIGH)]),
        # held
        ({"standing": Standing.HELD}, [("dependency-held", MEDIUM)]),
        ({"standing": Standing.HELD, "new": True}, [("dependency-new-risky", HIGH)]),
        # young
        ({"age": 29, **UNLISTED}, [("dependency-young", MEDIUM)]),
        ({"age": 30, **UNLISTED}, []),
        ({"age": 29}, []),
        ({"age": 29, "root": UNLISTED, **UNLISTED}, [("dependency-young", LOW)]),
        ({"age": 29, "root": UNLISTED, "new": True, **UNLISTED}, [("dependency-young", MEDIUM)]),
        ({"age": 3, "root": UNLISTED, "root_age": 3, **UNLISTED}, [("dependency-young", LOW)]),
        (
            {"age": 3, "root": UNLISTED, "root_age": 3, "new": True, **UNLISTED},
            [("dependency-young", LOW)],
        ),
        ({"age": 3, "new": True, **UNLISTED}, [("dependency-new-risky", HIGH)]),
        ({"age": 3, **UNLISTED}, [("dependency-young", MEDIUM)]),
        # confusable
        ({"confusable_with": "y"}, []),
        ({"confusable_with": "y", **UNLISTED}, [("dependency-confusable", LOW)]),
        ({"confusable_with": "y", "age": 89, **UNLISTED}, [("dependency-confusable", MEDIUM)]),
        ({"confusable_with": "y", "age": 90, **UNLISTED}, [("dependency-confusable", LOW)]),
        ({"confusable_with": "y", "new": True, **UNLISTED}, [("dependency-new-risky", HIGH)]),
        # owner
        ({"owner_changed": True}, [("dependency-owner-changed", LOW)]),
        ({"owner_changed": True, **UNLISTED}, [("dependency-owner-changed", MEDIUM)]),
        ({"owner_changed": True, "new": True}, [("dependency-owner-changed", MEDIUM)]),
        # grave findings of its own
        ({"findings": (GRAVE,)}, []),
        ({"findings": (GRAVE,), "new": True}, [("dependency-new-risky", HIGH)]),
    ],
)
def test_findings__match_and_near_miss(
    case: dict[str, Any], expected: list[tuple[str, Severity]]
) -> None:
    assert found(**case) == expected


def test_finding__says_the_way_and_the_release() -> None:
    shape = network(tree_of("app > a", "a > x"), x={"standing": Standing.REFUSED})
    (one,) = findings_of(shape)
    assert (one.place.path, one.place.excerpt) == ("app > a > x", "x==1.0")
    assert (one.what, one.layer, one.proof) == ("transitive", Layer.PROVENANCE, None)


def test_findings__are_bounded_and_the_gravest_stay() -> None:
    edges = [f"app > n{number:02}" for number in range(FINDINGS_MAX + 5)]
    known: dict[str, Any] = {
        f"n{number:02}": {"standing": Standing.HELD} for number in range(FINDINGS_MAX + 4)
    }
    known[f"n{FINDINGS_MAX + 4:02}"] = {"standing": Standing.REFUSED}
    told = findings_of(network(tree_of(*edges), **known))
    assert len(told) == FINDINGS_MAX
    assert told[0].id == "dependency-refused"


def test_path_words__shows_both_ends_of_a_long_path() -> None:
    names = [f"{number:02}{'x' * 30}" for number in range(20)]
    text = path_words(tuple(names))
    assert len(text) <= PATH_CHARS_MAX
    assert text.startswith(names[0])
    assert text.endswith(names[-1])
    assert path_words(("", "a")) == "a"


def test_definitions__know_their_own_ids() -> None:
    assert all(one.id == key and one.rationale for key, one in DEFINITIONS.items())
