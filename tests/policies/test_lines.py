"""Where keys stand in a TOML text."""

from __future__ import annotations

from policies.lines import locate, stated_line


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


def test_stated_line__reads_what_tomllib_says() -> None:
    assert stated_line("Invalid value (at line 3, column 8)") == 3
    assert stated_line("Expected newline (at end of document)") is None


def test_locate__tables_within_an_array_are_of_its_newest_entry() -> None:
    lines = ["[[case]]", "a = 1", "[[case.override]]", "b = 2", "[[case]]"]
    text = "\n".join([*lines, "[[case.override]]", "b = 3", "[[case.override]]", "b = 4"])
    places = locate(text)
    assert places["case", 0, "override", 0, "b"] == 4
    assert places["case", 1, "override", 0, "b"] == 7
    assert places["case", 1, "override", 1, "b"] == 9
