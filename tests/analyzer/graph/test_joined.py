"""A joined tree is kept as the same bytes for the same value, and read back bounded."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.graph.joined import GRAPH_BYTES_MAX, days_since, pack, unpack
from models.errors import ValueInvalid
from tests.analyzer.graph.examples import NOW, joined, tree_of


def test_pack__is_undone_by_unpack_and_always_the_same() -> None:
    value = joined(tree_of("app > a", "a > b"), added=["b"], a={"score": 90})
    assert unpack(pack(value)) == value
    assert pack(unpack(pack(value))) == pack(value)


@given(st.binary(max_size=300))
def test_unpack__of_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueInvalid):
        unpack(data)


@pytest.mark.parametrize(
    "text", [b"{}", b"[]", b"x" * (GRAPH_BYTES_MAX + 1), b'{"tree": 1}'], ids=len
)
def test_unpack__of_another_document_or_a_bomb_is_refused(text: bytes) -> None:
    with pytest.raises(ValueInvalid):
        unpack(gzip.compress(text))


def test_days_since__is_never_negative() -> None:
    assert days_since(None, NOW) is None
    assert days_since(NOW.replace(year=2027), NOW) == 0
    assert days_since(NOW.replace(month=2), NOW) == 28
