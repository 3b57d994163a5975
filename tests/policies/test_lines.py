"""Where keys stand in a TOML text."""

from __future__ import annotations

import pytest

from policies.lines import locate, stated_place


def test_locate__knows_tables_arrays_and_quoted_keys() -> None:
    text = 'a = 1\n[b.c]\n"d e" = 2\n[[r]]\nx = 1\n[[r]]\n  y=2 # z = 3\n'
    assert locate(text) == {
        ("a",): 1,
        ("b", "c"): 2,
        ("b", "c", "d e"): 3,
        ("r", 0): 4,
        ("r", 0, "x"): 5,
        ("r", 1): 6,
        ("r", 1, "y"): 7,
    }


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("Invalid value (at line 3, column 8)", "line 3"),
        ("Expected newline (at end of document)", "the end"),
        ("Its values are nested too deeply.", "the document"),
    ],
)
def test_stated_place__is_in_the_words_of_the_parser(message: str, place: str) -> None:
    assert stated_place(message) == place
