"""Hostile text made harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.clean import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain text", "plain text"),
        ("naïve — 漢字", "naïve — 漢字"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eevil", "\\u202eevil"),
        ("\udc80", "\\udc80"),
        ("nul\0", "nul\\x00"),
        (b"bytes\xff", "bytes\\udcff"),
    ],
)
def test_printable__escapes_what_is_not_printable(text: str | bytes, clean: str) -> None:
    assert printable(text) == clean


@given(st.text() | st.binary(), st.integers(0, 50))
def test_printable__is_always_printable_and_within_its_limit(text: str | bytes, limit: int) -> None:
    clean = printable(text, limit)

    assert clean.isprintable()
    assert len(clean) <= limit
    clean.encode()


@given(st.text() | st.binary(), st.integers(1, 50))
def test_printable_lines__keeps_nothing_but_line_ends(text: str | bytes, limit: int) -> None:
    clean = printable_lines(text, limit)

    assert clean.replace("\n", "").isprintable()
    assert len(clean) <= limit


def test_printable_lines__keeps_the_end() -> None:
    assert printable_lines("first\nlast", 4) == "last"
