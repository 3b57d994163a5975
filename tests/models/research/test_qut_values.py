"""Cells of QUT-DV25's table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.research.qut_values import (
    CELL_CHARS_MAX,
    Kind,
    Value,
    empty,
    parse,
    render,
    transitions,
)

CELLS = [
    (Kind.COUNT, "5395", 5395),
    (Kind.TRANSITIONS, "{}", ()),
    (
        Kind.TRANSITIONS,
        "{'FIN_WAIT1 -> ->': 188, '443 -> CLOSE': 23}",
        (("FIN_WAIT1 -> ->", 188), ("443 -> CLOSE", 23)),
    ),
    (Kind.PROCESSES, "pip, pgrep", ("pip", "pgrep")),
    (Kind.PROCESSES, "", ()),
    (Kind.REQUIREMENTS, "a==1; b<2,>=1;", ("a==1", "b<2,>=1")),
    (Kind.REQUIREMENTS, "", ()),
    (Kind.PATTERN, "read -> read -> read", "read -> read -> read"),
    (Kind.PATTERN, "", ""),
]


@pytest.mark.parametrize(("kind", "text", "value"), CELLS)
def test_cell__is_read_and_written_as_the_dataset_has_it(
    kind: Kind, text: str, value: Value
) -> None:
    assert parse(kind, text) == value
    assert render(kind, value) == text


def test_cell__a_count_may_end_as_pandas_ends_it() -> None:
    assert parse(Kind.COUNT, "12.0") == 12


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Kind.COUNT, "", "no count"),
        (Kind.COUNT, "-1", "no count"),
        (Kind.COUNT, "1.5", "no count"),
        (Kind.COUNT, "9" * 30, "no count"),
        (Kind.TRANSITIONS, "", "no table"),
        (Kind.TRANSITIONS, "{'a': b}", "no transition"),
        (Kind.TRANSITIONS, "{'a': 1, __import__('os'): 2}", "no transition"),
        (Kind.PROCESSES, "a, , b", "empty"),
        (Kind.PROCESSES, ", ".join(["a"] * 1001), "1001 items"),
        (Kind.REQUIREMENTS, "a; b", "semicolon"),
        (Kind.PATTERN, "x" * (CELL_CHARS_MAX + 1), "characters"),
    ],
)
def test_cell__that_is_not_of_its_kind_is_refused(kind: Kind, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(kind, text)


@pytest.mark.parametrize("kind", Kind)
def test_cell__of_a_run_that_did_nothing(kind: Kind) -> None:
    assert parse(kind, render(kind, empty(kind))) == empty(kind)


def test_cell__a_value_of_another_kind_is_our_mistake() -> None:
    with pytest.raises(TypeError):
        render(Kind.COUNT, "many")


@given(st.dictionaries(st.sampled_from(["CLOSE", "LISTEN", "SYN_SENT"]), st.integers(1, 10**6)))
def test_transitions__survive_and_come_most_frequent_first(counts: dict[str, int]) -> None:
    made = transitions(counts)
    assert parse(Kind.TRANSITIONS, render(Kind.TRANSITIONS, made)) == made
    assert [count for _, count in made] == sorted(counts.values(), reverse=True)
