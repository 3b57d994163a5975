"""Ranges and entity tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.web.ranges import RangeNotSatisfiable, Span, matches, span_of

SIZE = 100


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-", Span(0, 100)),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=10-19", Span(10, 10)),
        ("bytes=-1", Span(99, 1)),
        ("bytes=-500", Span(0, 100)),
        ("bytes=99-", Span(99, 1)),
        ("bytes=90-5000", Span(90, 10)),
        ("BYTES=1-2", Span(1, 2)),
        ("bytes= 1 - 2 ", Span(1, 2)),
        # What may be ignored is ignored: the whole file.
        ("bytes=20-10", None),
        ("bytes=-", None),
        ("bytes=1-2,5-6", None),
        ("bytes=--1", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0x10-", None),
        ("bytes=1_0-", None),
        ("bytes=٣-", None),
        ("bytes=90-" + "9" * 5_000, Span(90, 10)),
        ("bytes=-" + "9" * 5_000, Span(0, 100)),
        ("bytes=" + "0" * 5_000 + "7-8", Span(7, 2)),
        ("bytes=1-2\n", Span(1, 2)),
    ],
)
def test_span_of(header: str | None, expected: Span | None) -> None:
    assert span_of(header, SIZE) == expected


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 400 + "-"]
)
def test_span_of__outside_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        span_of(header, SIZE)


def test_span_of__empty_file_satisfies_nothing() -> None:
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(RangeNotSatisfiable):
            span_of(header, 0)


@given(header=st.text(max_size=40), size=st.integers(0, 1000))
def test_span_of__never_leaves_the_file(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        try:
            span = span_of(text, size)
        except RangeNotSatisfiable:
            continue
        if span is not None:
            assert 0 <= span.start < size
            assert 0 < span.count <= size - span.start


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_matches(header: str | None, expected: bool) -> None:
    assert matches(header, '"a"') is expected
